// Decisions are data: tests/conformance/routing/*.jsonl, each line scores, facts and a configuration, and what comes of
// them.
#include "router/decide.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>

#include "config/load.hpp"
#include "protocols/json.hpp"

namespace sarai::router::decide_test {
namespace {

namespace json = boost::json;
using protocols::object_at;
using protocols::string_at;
using protocols::true_at;
using ::testing::HasSubstr;

// The expert on a server, the small one, the multimodal one, and one that makes embeddings.
constexpr auto usual_models =
    R"({"solar": {"backend": "ollama_http", "endpoints": [{"url": "http://box:11434"}]},
        "lfm2": {"backend": "gguf_native", "path": "l.gguf"},
        "omni": {"backend": "gguf_native", "path": "o.gguf", "mmproj": "p.gguf"},
        "embed": {"backend": "gguf_native", "path": "e.gguf", "kind": "embedding"}})";

config::Config config_of(const json::object& story) {
    const auto* models = object_at(story, "models");
    const auto* routing = object_at(story, "routing");
    const auto text = "models: " + (models == nullptr ? std::string(usual_models) : json::serialize(*models)) +
                      "\nrouting: " + (routing == nullptr ? "{}" : json::serialize(*routing)) + "\n";
    auto config = config::load_text(text, "/etc/sarai", {});
    EXPECT_TRUE(config) << text << (config ? "" : to_string(config.error().front()));
    return config.value_or(config::Config{});
}

std::vector<Candidate> candidates_of(const config::Config& config, const json::object& story) {
    const auto* sizes = object_at(story, "sizes");
    std::vector<Candidate> all;
    for (const auto& model : config.models)
        if (model.kind == config::ModelKind::chat)
            all.push_back({.name = model.name,
                           .remote = model.remote.has_value(),
                           .multimodal = model.local && model.local->mmproj,
                           .size = Bytes{sizes == nullptr ? 0 : protocols::count_at(*sizes, model.name)}});
    return all;
}

double number_at(const json::object& object, std::string_view key, double otherwise) {
    const auto* value = object.if_contains(key);
    return value == nullptr ? otherwise : value->to_number<double>();
}

Scores scores_of(const json::object& given) {
    Scores scores{.hard = static_cast<float>(number_at(given, "hard", 0)),
                  .soft = static_cast<float>(number_at(given, "soft", 0)),
                  .web_query = static_cast<float>(number_at(given, "web_query", 0)),
                  .familiar = static_cast<float>(number_at(given, "familiar", 1))};
    for (const auto language : {Language::es, Language::en})
        if (string_at(given, "language") == name_of(language)) scores.language = language;
    return scores;
}

Facts facts_of(const json::object& given) {
    Facts facts{.image = true_at(given, "image"),
                .audio = true_at(given, "audio"),
                .video = true_at(given, "video"),
                .size = protocols::count_at(given, "size"),
                .tools = true_at(given, "tools")};
    if (const auto* earlier = object_at(given, "earlier"))
        facts.earlier = Earlier{.model = std::string(string_at(*earlier, "model")),
                                .label = label_named(string_at(*earlier, "label"))};
    return facts;
}

json::object outcome_of(const json::object& story) {
    auto config = config_of(story);
    if (!config.routing.thresholds.familiar) config.routing.thresholds.familiar = 0.5;
    const auto candidates = candidates_of(config, story);
    const auto* unable = object_at(story, "unable");
    const auto* forbidden = protocols::array_at(story, "forbidden");
    const Obstacles obstacles = [&](std::string_view model) -> Obstacle {
        if (forbidden != nullptr)
            for (const auto& name : *forbidden)
                if (name.get_string() == model)
                    return {.why = "the key may not use " + std::string(model), .forbidden = true};
        if (unable != nullptr) return {.why = std::string(string_at(*unable, model))};
        return {};
    };
    const json::object none;
    const auto* facts = object_at(story, "facts");
    const auto decision = decide(scores_of(*object_at(story, "scores")), facts_of(facts == nullptr ? none : *facts),
                                 config.routing, find_targets(config.routing, candidates), obstacles);
    if (!decision) return {{"error", decision.error().message}};
    json::object outcome{{"model", decision->model}, {"route", name_of(decision->route)}, {"reason", decision->reason}};
    if (decision->label) outcome["label"] = name_of(*decision->label);
    return outcome;
}

}  // namespace

TEST(Decide, EveryGoldenDecisionIsWhatItWas) {
    int stories = 0;
    for (const auto& file : std::filesystem::directory_iterator(SARAI_SOURCE_DIR "/tests/conformance/routing")) {
        if (file.path().extension() != ".jsonl") continue;
        std::ifstream lines(file.path());
        for (std::string line; std::getline(lines, line);) {
            if (line.empty()) continue;
            const auto story = json::parse(line).get_object();
            const auto* expected = object_at(story, "decision");
            ASSERT_NE(expected, nullptr) << line;
            EXPECT_EQ(outcome_of(story), *expected)
                << file.path().filename() << ": " << string_at(story, "name")
                << "\n  is: " << json::serialize(outcome_of(story)) << "\n  was: " << json::serialize(*expected);
            ++stories;
        }
    }
    EXPECT_GE(stories, 30);
}

TEST(Decide, NamesOfRoutesAreThoseOfLabelsWhereThereIsOne) {
    for (const auto label : all_labels) {
        Scores scores{.familiar = 1};
        (label == Label::hard ? scores.hard : label == Label::soft ? scores.soft : scores.web_query) = 0.9F;
        config::Routing routing;
        routing.thresholds.familiar = 0.5;
        const std::vector<Candidate> all{{.name = "m"}};
        const auto decision = decide(scores, {}, routing, find_targets(routing, all), [](auto) { return Obstacle{}; });
        ASSERT_TRUE(decision);
        EXPECT_EQ(name_of(decision->route), name_of(label));
        EXPECT_EQ(decision->label, label);
    }
}

TEST(Decide, TellsWhatElseItLookedAt) {
    const std::vector<Candidate> all{{.name = "big", .remote = true}, {.name = "small"}};
    config::Routing routing;
    const Scores scores{.hard = 0.9F, .soft = 0.2F, .web_query = 0.1F, .familiar = 1};
    const auto decision = decide(scores, {}, routing, find_targets(routing, all), [](auto) { return Obstacle{}; });
    ASSERT_TRUE(decision);
    ASSERT_EQ(decision->considered.size(), 4U);
    EXPECT_EQ(decision->considered[0].route, "hard");
    EXPECT_TRUE(decision->considered[0].chosen);
    EXPECT_EQ(decision->considered[1].model, "small");
    EXPECT_FALSE(decision->considered[1].chosen);
    EXPECT_EQ(decision->considered[3].route, "default");
}

TEST(Decide, PipelinesTakeWhatNeedsSeveralModels) {
    const std::vector<Candidate> models{
        {.name = "solar", .remote = true}, {.name = "lfm2"}, {.name = "omni", .multimodal = true}};
    const std::vector<std::string> pipelines{"vision-expert", "tone-expert", "voice-assistant", "mine"};
    const auto decided = [&](const Scores& scores, const Facts& facts, config::Routing routing = {}) {
        const auto decision =
            decide(scores, facts, routing, find_targets(routing, models, pipelines), [](auto) { return Obstacle{}; });
        return decision ? fmt::format("{} {}", decision->model, name_of(decision->route)) : decision.error().message;
    };
    const Scores hard{.hard = 0.9F, .soft = 0.1F, .familiar = 1};
    const Scores mixed{.hard = 0.8F, .soft = 0.3F, .familiar = 1};
    const Scores sorry{.hard = 0.3F, .soft = 0.8F, .familiar = 1};
    EXPECT_EQ(decided(hard, {}), "solar hard");
    EXPECT_EQ(decided(mixed, {}), "tone-expert hard");
    EXPECT_EQ(decided(sorry, {}), "tone-expert soft");
    EXPECT_EQ(decided(hard, {.image = true}), "vision-expert multimodal");
    EXPECT_EQ(decided(hard, {.video = true}), "vision-expert multimodal");
    EXPECT_EQ(decided(hard, {.audio = true}), "voice-assistant multimodal");
    EXPECT_EQ(decided(hard, {.image = true, .audio = true}), "vision-expert multimodal");
    config::Routing own{.hard = "mine", .image = "omni", .mixed = "lfm2"};
    EXPECT_EQ(decided(hard, {}, own), "mine hard");
    EXPECT_EQ(decided(mixed, {}, own), "lfm2 hard");
    EXPECT_EQ(decided(hard, {.image = true}, own), "omni multimodal");
    own.thresholds.mixed = 0.5;
    EXPECT_EQ(decided(mixed, {}, own), "mine hard");
    const auto earlier = Facts{.earlier = Earlier{.model = "tone-expert", .label = Label::hard}};
    EXPECT_EQ(decided(hard, earlier), "tone-expert pinned") << "the conversation keeps its tone";
}

TEST(Decide, WithoutAModelItSaysSo) {
    const auto decision = decide({}, {}, {}, {}, [](auto) { return Obstacle{}; });
    ASSERT_FALSE(decision);
    EXPECT_EQ(decision.error().code, Code::not_found);
}

// Headers and logs are lines of ASCII.
TEST(Decide, DescribesScoresInOneLine) {
    EXPECT_EQ(describe(Scores{.hard = 0.914F, .soft = 0.12F, .web_query = 0.03F, .familiar = 0.88F}),
              "hard=0.91 soft=0.12 web_query=0.03 familiar=0.88");
}

}  // namespace sarai::router::decide_test
