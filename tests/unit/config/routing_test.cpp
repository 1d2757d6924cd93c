#include "config/keys.hpp"
#include "config/reload.hpp"
#include "support.hpp"

namespace sarai::config::routing_test {
namespace {

constexpr std::string_view models = R"(
models:
  solar: {backend: ollama_http, endpoints: [{url: "http://box:11434"}]}
  lfm2: {backend: gguf_native, path: l.gguf}
  embed: {backend: gguf_native, path: e.gguf, kind: embedding}
)";

std::string with(std::string_view routing) { return "routing: " + std::string(routing) + std::string(models); }

}  // namespace

TEST(ConfigRouting, IsReadWhole) {
    const auto config = valid(with(R"(
  enabled: false
  hard: solar
  soft: lfm2
  web_query: solar
  multimodal: solar
  default: lfm2
  thresholds: {hard: 0.6, soft: 0.4, web_query: 1, familiar: 0}
  alpha: 0.5
  beta: 0.25
  keep: false
  topic_change: 0.1
  store_prompts: true
  weights: mine.gguf
  mini_weights: small.gguf
  rules:
    - {language: es, min_size: 8KiB, max_size: 1MiB, tools: true, attachment: image, model: solar}
    - {model: lfm2}
)"));
    const auto& routing = config.routing;
    EXPECT_FALSE(routing.enabled);
    EXPECT_EQ(routing.hard, "solar");
    EXPECT_EQ(routing.soft, "lfm2");
    EXPECT_EQ(routing.web_query, "solar");
    EXPECT_EQ(routing.multimodal, "solar");
    EXPECT_EQ(routing.fallback, "lfm2");
    EXPECT_EQ(routing.thresholds, (Routing::Thresholds{.hard = 0.6, .soft = 0.4, .web_query = 1, .familiar = 0}));
    EXPECT_EQ(routing.alpha, 0.5);
    EXPECT_EQ(routing.beta, 0.25);
    EXPECT_FALSE(routing.keep);
    EXPECT_EQ(routing.topic_change, 0.1);
    EXPECT_TRUE(routing.store_prompts);
    EXPECT_EQ(routing.weights, "/etc/sarai/mine.gguf");
    EXPECT_EQ(routing.mini_weights, "/etc/sarai/small.gguf");
    ASSERT_EQ(routing.rules.size(), 2U);
    EXPECT_EQ(routing.rules[0], (RoutingRule{.language = "es",
                                             .attachment = "image",
                                             .min_size = 8192,
                                             .max_size = 1 << 20,
                                             .tools = true,
                                             .model = "solar"}));
    EXPECT_EQ(routing.rules[1], RoutingRule{.model = "lfm2"});
}

TEST(ConfigRouting, IsThereWithoutASection) {
    const auto config = valid(models);
    EXPECT_EQ(config.routing, Routing{});
    EXPECT_EQ(valid(with("\n")).routing, Routing{});
    EXPECT_EQ(valid(with("{rules: }")).routing, Routing{});
}

TEST(ConfigRouting, ReportsEverythingThatIsWrongAtOnce) {
    const auto problems = problems_of(with(R"(
  hard: soler
  soft: embed
  web_query: gpt
  alpha: 1.5
  beta: none
  thresholds: {hard: -0.1, sof: 1, familiar: nan}
  rules:
    - {language: fr, model: lfm3}
    - {min_size: 2KiB, max_size: 1KiB, model: lfm2}
    - {language: es}
    - lfm2
)"));
    EXPECT_EQ(
        problems,
        R"(line 2, column 3: routing.hard: "soler"; expected the name of a chat model of this file; did you mean solar?
line 3, column 3: routing.soft: "embed", which makes embeddings; expected the name of a chat model of this file
line 4, column 3: routing.web_query: "gpt"; expected the name of a chat model of this file
line 5, column 10: routing.alpha: "1.5"; expected a number from 0 to 1
line 6, column 9: routing.beta: "none"; expected a number from 0 to 1
line 7, column 22: routing.thresholds.hard: "-0.1"; expected a number from 0 to 1
line 7, column 28: routing.thresholds.sof: unknown key; did you mean soft?
line 7, column 46: routing.thresholds.familiar: "nan"; expected a number from 0 to 1
line 9, column 18: routing.rules[0].language: "fr"; expected es or en or other
line 9, column 22: routing.rules[0].model: "lfm3"; expected the name of a chat model of this file; did you mean lfm2?
line 10, column 24: routing.rules[1].max_size: 1 KiB; expected at least min_size, which is 2 KiB
line 11, column 7: routing.rules[2].model: missing; expected the name of a chat model of this file
line 12, column 7: routing.rules[3]: "lfm2"; expected keys and values, such as "key: value"
)") << problems;
}

TEST(ConfigRouting, KeepsTheNameAutoForItself) {
    EXPECT_TRUE(
        problems_of("models: {auto: {backend: gguf_native, path: m.gguf}}")
            .contains("models.auto: the name by which clients ask for whatever model fits; expected another name"));
    EXPECT_TRUE(problems_of("models: {Auto:latest: {backend: gguf_native, path: m.gguf}}").contains("another name"));
    // A key may be allowed it.
    const auto hash = std::string(64, 'a');
    valid("access: {keys: {ann: {sha256: " + hash + ", models: [auto, lfm2]}}}" + std::string(models));
}

TEST(ConfigRouting, IsOverriddenFromTheEnvironment) {
    const auto env = environment({{"SARAI_ROUTING_DEFAULT", "lfm2"}, {"SARAI_ROUTING_THRESHOLDS_HARD", "0.75"}});
    const auto config = valid(models, env);
    EXPECT_EQ(config.routing.fallback, "lfm2");
    EXPECT_EQ(config.routing.thresholds.hard, 0.75);
    EXPECT_TRUE(problems_of(models, environment({{"SARAI_ROUTING_DEFAULT", "lfm"}})).contains("did you mean lfm2?"));
    EXPECT_TRUE(problems_of(models, environment({{"SARAI_ROUTING_HARDD", "lfm2"}})).contains("SARAI_ROUTING_HARD?"));
}

TEST(ConfigRouting, ChangesWithAReloadButForItsWeights) {
    auto live = valid(with("{hard: solar}"));
    const auto result = reload(live, valid(with("{hard: lfm2, weights: w.gguf}")));
    EXPECT_EQ(live.routing.hard, "lfm2");
    EXPECT_TRUE(live.routing.weights.empty());
    EXPECT_EQ(result.settings, std::vector<std::string>{"routing"});
    EXPECT_EQ(result.needs_restart, std::vector<std::string>{"routing.weights"});
}

}  // namespace sarai::config::routing_test
