#include "gateway/ollama_listing.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <optional>
#include <set>

#include "gateway/knowledge_desk.hpp"
#include "gateway/router_desk.hpp"
#include "gateway/shelf.hpp"
#include "support/recorded_exchange.hpp"

namespace sarai::gateway::ollama_listing_test {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* digest = "6480d0e9fc8e3ebd142daa4e17cc9f8b6595889831ce83247fb2a89122c41deb";

memory::ModelFacts tiny_solar() {
    memory::ModelFacts facts{.architecture = "llama",
                             .parameter_count = 1705216,
                             .quantisation = "Q4_K_M",
                             .context_length = 4096,
                             .embedding_length = 256,
                             .chat_template = "{{ messages }}"};
    facts.metadata = {{"general.architecture", "llama"},
                      {"general.name", "solar"},
                      {"llama.heads", {1, 2, 3, 4, 5}},
                      {"llama.more_heads", {1, 2, 3, 4, 5, 6}},
                      {"tokenizer.ggml.tokens", {{"elements", 1024}}}};
    facts.tensors = {{"output.weight", "Q6_K", {256, 1024}}};
    return facts;
}

// Knows the same of every file, as soon as it was asked.
class FakeCatalogue final : public Catalogue {
public:
    explicit FakeCatalogue(memory::ModelFacts facts)
        : facts_(std::make_shared<const memory::ModelFacts>(std::move(facts))) {}
    ModelFile look(const std::filesystem::path& file) const override {
        return {
            .size = Bytes{1095723}, .modified = {}, .digest = digest, .facts = asked.contains(file) ? facts_ : nullptr};
    }
    asio::awaitable<Result<SharedFacts>> describe(std::filesystem::path file) override {
        asked.insert(file);
        co_return facts_;
    }
    std::set<std::filesystem::path> asked;

private:
    SharedFacts facts_;
};

struct OllamaListing : testing::Test {
    OllamaListing() {
        config.models.push_back({.name = "solar", .local = config::LocalModel{.path = "/models/solar.gguf"}});
        config.models.push_back(
            {.name = "far",
             .remote = config::RemoteModel{.endpoints = {{.url = "http://lan-box:11434"}}, .model = "solar:10.7b"}});
        for (const auto& model : config.models)
            specs.push_back({.name = model.name, .has_local = model.local.has_value()});
    }
    json::object tags() { return ollama_tags_json(shared(), nullptr); }
    json::object show(const std::string& model, std::string_view body = "{}") {
        std::optional<Result<json::object>> shown;
        const auto ask = [&]() -> asio::awaitable<void> { shown = co_await ollama_show_json(shared(), model, body); };
        asio::co_spawn(io, ask(), asio::detached);
        io.run();
        io.restart();
        return shown.value().value();
    }
    Shared shared() {
        if (!pool)
            pool.emplace(io.get_executor(), pool::Rules{}, specs, std::vector<pool::EndpointSpec>{}, pool::Ports{},
                         pool::WatchRules{});
        return {config, *pool, metrics, catalogue, shelf, desk, nullptr, knowledge, nullptr};
    }

    asio::io_context io;
    config::Config config;
    std::vector<pool::ModelSpec> specs;
    std::optional<pool::Pool> pool;
    Metrics metrics{"test"};
    FakeCatalogue catalogue{tiny_solar()};
    KnowledgeDesk knowledge{config};
    RouterDesk desk{config, {}};  // without a classifier there is no "auto"
    // Nothing is put into it, so its folder is not even made.
    library::Library library = *library::Library::open(std::filesystem::path(testing::TempDir()) / "no-library");
    Shelf shelf{library, {}, catalogue, [](std::string_view) { return std::nullopt; }, [] { return Result<void>{}; }};
};

json::object recorded(const char* name) {
    const auto file = std::string(SARAI_TEST_DATA "/ollama-wire/") + name + ".http";
    return json::parse(sarai::test::read_exchange(file).body).as_object();
}

// Names of all fields and, for what is no free text or number, of those within.
std::set<std::string> fields(const json::object& object) {
    std::set<std::string> names;
    for (const auto& [key, value] : object) {
        names.insert(key);
        if (key == "details")
            for (const auto& inner : value.as_object()) names.insert("details." + std::string(inner.key()));
    }
    return names;
}

const json::object& first(const json::object& list) { return list.at("models").at(0).as_object(); }

TEST_F(OllamaListing, HasTheFieldsOfTheRecordedTags) {
    (void)show("solar");
    const auto ours = tags();
    const auto theirs = recorded("07-tags");
    EXPECT_EQ(fields(first(ours)), fields(first(theirs)));
    const auto& model = first(ours);
    EXPECT_EQ(model.at("name"), "solar:latest");
    EXPECT_EQ(model.at("size"), 1095723);
    EXPECT_EQ(model.at("digest"), digest);
    EXPECT_EQ(model.at("details"), theirs.at("models").at(1).at("details"));
    EXPECT_EQ(model.at("capabilities"), theirs.at("models").at(1).at("capabilities"));
}

TEST_F(OllamaListing, HasTheFieldsOfTheRecordedShow) {
    const auto ours = show("solar");
    const auto theirs = recorded("10-show");
    EXPECT_EQ(fields(ours), fields(theirs));
    EXPECT_EQ(ours.at("details"), theirs.at("details"));
    EXPECT_EQ(ours.at("parameters"), "num_ctx                        2048");
    EXPECT_THAT(std::string(ours.at("modelfile").as_string()), HasSubstr("\nFROM /models/solar.gguf\n"));
    EXPECT_THAT(catalogue.asked, ElementsAre("/models/solar.gguf"));
}

TEST_F(OllamaListing, ListsAModelWhoseFileIsNotKnownYet) {
    const auto model = first(tags());
    EXPECT_EQ(model.at("details").at("family"), "");
    EXPECT_EQ(model.at("details").at("families"), json::array());
    EXPECT_EQ(model.at("details").at("context_length"), 2048) << "as configured";
    EXPECT_EQ(model.at("capabilities"), json::array({"completion"}));
}

TEST_F(OllamaListing, ShowsLongArraysWhereTheyAreAskedForAndKnown) {
    const auto brief = show("solar").at("model_info").as_object();
    EXPECT_EQ(brief.at("llama.heads"), json::value({1, 2, 3, 4, 5}));
    EXPECT_TRUE(brief.at("llama.more_heads").is_null());
    EXPECT_TRUE(brief.at("tokenizer.ggml.tokens").is_null());
    EXPECT_FALSE(brief.contains("general.name"));
    const auto verbose = show("solar", R"({"model":"solar","verbose":true})").at("model_info").as_object();
    EXPECT_EQ(verbose.at("llama.more_heads"), json::value({1, 2, 3, 4, 5, 6}));
    EXPECT_TRUE(verbose.at("tokenizer.ggml.tokens").is_null());
}

TEST_F(OllamaListing, ShowsARemoteModelAsItIsConfigured) {
    const auto shown = show("far:latest");
    EXPECT_EQ(shown.at("remote_model"), "solar:10.7b");
    EXPECT_EQ(shown.at("remote_host"), "http://lan-box:11434");
    EXPECT_EQ(shown.at("details").at("format"), "");
    EXPECT_TRUE(catalogue.asked.empty()) << "there is no file";
    const auto listed = tags().at("models").at(1).as_object();
    EXPECT_EQ(listed.at("remote_model"), "solar:10.7b");
    EXPECT_EQ(listed.at("digest").as_string().size(), 64U);
    EXPECT_EQ(listed.at("size"), 0);
}

TEST_F(OllamaListing, ListsNoModelInMemoryWhereThereIsNone) {
    EXPECT_EQ(ollama_ps_json(shared()), recorded("08-ps-empty"));
}

TEST(Capabilities, AreWhatTheFilesSay) {
    config::Model model{.name = "m", .local = config::LocalModel{.path = "m.gguf"}};
    memory::ModelFacts facts{.chat_template = "{{ tools }}<think>", .has_fim_tokens = true};
    EXPECT_THAT(capabilities_of(model, &facts, nullptr), ElementsAre("completion", "tools", "insert", "thinking"));
    model.local->mmproj = "p.gguf";
    EXPECT_THAT(capabilities_of(model, nullptr, nullptr), ElementsAre("completion", "vision")) << "most see";
    const memory::ModelFacts ear{.is_projector = true, .hears = true};
    EXPECT_THAT(capabilities_of(model, nullptr, &ear), ElementsAre("completion", "audio"));
    model.kind = config::ModelKind::embedding;
    EXPECT_THAT(capabilities_of(model, &facts, nullptr), ElementsAre("embedding"));
    model.kind = config::ModelKind::rerank;
    EXPECT_THAT(capabilities_of(model, &facts, nullptr), ElementsAre("rerank"));
}

}  // namespace
}  // namespace sarai::gateway::ollama_listing_test
