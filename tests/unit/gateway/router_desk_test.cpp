// The desk with a scorer that reads what a test wants from the prompt: "hard", "soft", "web" in it count.
#include "gateway/router_desk.hpp"
#include "gateway/knowledge_desk.hpp"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>

#include "gateway/auto_listing.hpp"
#include "gateway/shelf.hpp"

namespace sarai::gateway::router_desk_test {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using testing::EndsWith;
using testing::HasSubstr;

router::Scores score(std::string_view text) {
    router::Scores scores{.hard = text.contains("hard") ? 0.9F : 0.1F,
                          .soft = text.contains("soft") ? 0.9F : 0.1F,
                          .web_query = text.contains("web") ? 0.9F : 0.1F,
                          .familiar = text.contains("odd") ? 0.1F : 0.9F};
    scores.language = router::Language::en;
    return scores;
}

class NoTools final : public Catalogue {
public:
    ModelFile look(const std::filesystem::path& /*file*/) const override {
        return {.size = MiB(1), .modified = {}, .digest = {}, .facts = facts_};
    }
    asio::awaitable<Result<SharedFacts>> describe(std::filesystem::path /*file*/) override { co_return facts_; }

private:
    SharedFacts facts_ = std::make_shared<const memory::ModelFacts>();
};

struct Desk : testing::Test {
    static config::Config configured() {
        config::Config made;
        made.models.push_back({.name = "box", .remote = config::RemoteModel{.model = "box"}});
        made.models.push_back(
            {.name = "small", .local = config::LocalModel{.path = "/models/s.gguf", .context_length = 1000}});
        made.models.push_back(
            {.name = "eyes", .local = config::LocalModel{.path = "/models/e.gguf", .mmproj = "/models/p.gguf"}});
        made.models.push_back({.name = "theirs", .local = config::LocalModel{}, .brought = true});
        made.routing.soft = "small";
        return made;
    }
    static std::vector<pool::ModelSpec> specs(const config::Config& config) {
        std::vector<pool::ModelSpec> specs;
        for (const auto& model : config.models)
            specs.push_back({.name = model.name, .has_local = model.local.has_value()});
        return specs;
    }
    static llm::Request chat(const std::string& text, const std::string& more = "") {
        return {.task = llm::Task::chat,
                .model = "auto",
                .body = json::parse(R"({"model": "auto", "messages": [{"role": "user", "content": ")" + text + "\"}]" +
                                    more + "}")
                            .get_object(),
                .text = "as the client wrote it"};
    }
    // A second message, after one about `first` was answered.
    static llm::Request goes_on(const std::string& first, const std::string& text) {
        auto request = chat(first);
        auto& messages = request.body["messages"].get_array();
        messages.push_back(json::object{{"role", "assistant"}, {"content", "I see."}});
        messages.push_back(json::object{{"role", "user"}, {"content", text}});
        return request;
    }
    static Caller caller(std::string name = "", std::string id = "req-1") {
        return {.visit = {}, .name = std::move(name), .id = std::move(id)};
    }
    Routed route(llm::Request request, const Caller& who = caller()) {
        return desk.route(request, who, shared).value();
    }

    asio::io_context io;
    config::Config config = configured();
    pool::Pool pool{io.get_executor(), pool::Rules{.budget = GiB(1)}, specs(config), {}, pool::Ports{},
                    pool::WatchRules{}};
    Metrics metrics{"test"};
    NoTools catalogue;
    library::Library library = *library::Library::open(std::filesystem::path(testing::TempDir()) / "no-library");
    Shelf shelf{library, {}, catalogue, [](std::string_view) { return std::nullopt; }, [] { return Result<void>{}; }};
    KnowledgeDesk knowledge{config};
    RouterDesk desk{config, {.router = score, .mini = score, .familiar_enough = 0.5F, .mini_familiar_enough = 0.5F}};
    Shared shared{config, pool, metrics, catalogue, shelf, desk, nullptr, knowledge, nullptr, nullptr};
};

}  // namespace

TEST_F(Desk, KnowsItsName) {
    EXPECT_TRUE(desk.is_auto("auto"));
    EXPECT_TRUE(desk.is_auto("auto:latest"));
    EXPECT_FALSE(desk.is_auto("automatic"));
    config.routing.enabled = false;
    EXPECT_FALSE(desk.is_auto("auto"));
    EXPECT_FALSE(lists_auto(shared, nullptr));
}

TEST_F(Desk, MakesARequestOneForTheModelThatFits) {
    auto request = chat("a hard question");
    const auto routed = desk.route(request, caller(), shared);
    ASSERT_TRUE(routed);
    EXPECT_EQ(request.model, "box");
    EXPECT_EQ(request.body.at("model").as_string(), "box");
    EXPECT_TRUE(request.text.empty()) << "what the client wrote names another model";
}

TEST_F(Desk, ChoosesNoModelThatAClientBrought) {
    for (const auto& name : desk.targets(catalogue).all) EXPECT_NE(name, "theirs");
}

TEST_F(Desk, AConversationGoesOnWithItsModelUntilTheTopicChanges) {
    EXPECT_EQ(route(chat("soft words")).decision.model, "small");
    const auto on = route(goes_on("soft words", "well"));
    EXPECT_EQ(on.decision.model, "small");
    EXPECT_EQ(on.decision.route, router::Route::pinned);
    EXPECT_EQ(route(goes_on("soft words", "something hard")).decision.model, "box");
    EXPECT_EQ(route(goes_on("soft words", "well")).decision.model, "box") << "where it is now";
}

TEST_F(Desk, WhatARuleSaysOfOneMessageIsNotWhatTheConversationHas) {
    config.routing.rules = {{.max_size = 10, .model = "small"}};
    EXPECT_EQ(route(chat("hard")).decision.route, router::Route::rule);
    const auto next = route(goes_on("hard", "something hard and much longer"));
    EXPECT_EQ(next.decision.route, router::Route::hard);
    EXPECT_EQ(next.decision.model, "box");
}

TEST_F(Desk, OfAnotherKeyItIsAnotherConversation) {
    (void)route(chat("soft words"), caller("ann"));
    EXPECT_EQ(route(goes_on("soft words", "well"), caller("ben")).decision.route, router::Route::fallback);
    EXPECT_EQ(route(goes_on("soft words", "well"), caller("ann")).decision.route, router::Route::pinned);
}

TEST_F(Desk, LookingRemembersNothing) {
    ASSERT_TRUE(desk.look(chat("soft words"), caller(), shared));
    EXPECT_EQ(route(goes_on("soft words", "well")).decision.route, router::Route::fallback);
    EXPECT_EQ(desk.decided("", "req-2"), nullptr);
}

TEST_F(Desk, CountingTokensIsNoDecisionOfAConversation) {
    auto request = chat("soft words");
    request.task = llm::Task::count;
    EXPECT_EQ(route(request).decision.model, "small");
    EXPECT_EQ(desk.decided("", "req-1"), nullptr);
}

TEST_F(Desk, AvoidsAModelThatCannotDoIt) {
    const auto tools = route(chat("soft", R"(, "tools": [{"type": "function"}])"));
    EXPECT_EQ(tools.decision.model, "box");
    EXPECT_THAT(tools.decision.reason, EndsWith("box instead of it, because 'small' takes no tools"));
    const auto context = route(chat("soft " + std::string(5000, 'x')));
    EXPECT_EQ(context.decision.model, "box");
    EXPECT_THAT(context.decision.reason, HasSubstr("about 1251 tokens, more than the context of 1000"));
    config.routing.multimodal = "small";
    auto picture = chat("x");
    picture.body = json::parse(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})").get_object();
    EXPECT_THAT(route(picture).decision.reason, HasSubstr("'small' reads text alone"));
}

TEST_F(Desk, AbstainsBelowTheClassifiersOwnThresholdUnlessAnotherIsConfigured) {
    EXPECT_EQ(route(chat("odd soft")).decision.route, router::Route::fallback);
    config.routing.thresholds.familiar = 0.05;
    EXPECT_EQ(route(chat("odd soft")).decision.route, router::Route::soft);
}

TEST_F(Desk, RemembersAPromptOnlyWhereThatIsWanted) {
    (void)route(chat("soft words"), caller("ann", "one"));
    ASSERT_NE(desk.decided("ann", "one"), nullptr);
    EXPECT_EQ(desk.decided("ann", "one")->text, "");
    EXPECT_EQ(desk.decided("ben", "one"), nullptr);
    config.routing.store_prompts = true;
    (void)route(chat("soft words"), caller("ann", "two"));
    EXPECT_EQ(desk.decided("ann", "two")->text, "soft words");
}

TEST_F(Desk, TheLastDecisionsAreRemembered) {
    for (std::size_t i = 0; i <= RouterDesk::remembered; ++i) (void)route(chat("soft"), caller("", std::to_string(i)));
    EXPECT_EQ(desk.decided("", "0"), nullptr);
    EXPECT_NE(desk.decided("", "1"), nullptr);
}

TEST_F(Desk, AHintIsFollowedOnceInAWhile) {
    const auto first = desk.hint(chat("soft"), caller(), "me", shared);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->model, "small");
    EXPECT_TRUE(first->loading);
    const auto again = desk.hint(chat("soft wor"), caller(), "me", shared);
    EXPECT_FALSE(again->loading);
    EXPECT_THAT(again->reason, EndsWith("hinted a moment ago"));
    EXPECT_THAT(desk.hint(chat("soft"), caller(), "you", shared)->reason, testing::Not(EndsWith("a moment ago")));
    EXPECT_EQ(desk.hint(chat("hard"), caller(), "me", shared)->model, "box") << "another model is another hint";
}

TEST_F(Desk, IsListedWithWhereItLeads) {
    EXPECT_TRUE(lists_auto(shared, nullptr));
    const auto listed = auto_model_json(shared, nullptr);
    EXPECT_EQ(
        listed.at("sarai").at("routes"),
        (json::object{
            {"hard", "box"}, {"soft", "small"}, {"web_query", "box"}, {"multimodal", "eyes"}, {"default", "box"}}));
    EXPECT_EQ(listed.at("sarai").at("state").as_string(), "unloaded");
    EXPECT_EQ(auto_model_info(shared, nullptr).name, "auto:latest");
    EXPECT_THAT(auto_description(shared, nullptr).modelfile, HasSubstr("# soft: small\n"));
    const config::ApiKey named{.name = "ann", .models = {"auto", "small"}};
    const config::ApiKey other{.name = "ben", .models = {"small"}};
    EXPECT_TRUE(lists_auto(shared, &named));
    EXPECT_FALSE(lists_auto(shared, &other));
}

}  // namespace sarai::gateway::router_desk_test
