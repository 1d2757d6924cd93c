#include "cli/doctor_advice.hpp"

#include <gmock/gmock.h>

#include "config/load.hpp"

namespace sarai::cli::doctor_advice_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Advised {
    std::string name, advice, place;
    bool operator==(const Advised&) const = default;
};
void PrintTo(const Advised& one, std::ostream* out) { *out << one.name << " | " << one.advice << " | " << one.place; }

std::vector<Advised> advice_for(const std::string& text, const PlanReport* plan = nullptr) {
    auto config = config::load_text(text, "/etc/sarai", {});
    EXPECT_TRUE(config.has_value()) << (config ? "" : config::report("", config.error())) << text;
    if (!config) return {};
    config->file = "sarai.yaml";
    const auto tree = config::parse_yaml(text);
    std::vector<Advised> all;
    for (auto& check : advise({.config = *config, .file = *tree}, plan)) {
        EXPECT_EQ(check.group, "advice");
        EXPECT_EQ(check.state, CheckState::warn);
        EXPECT_NE(check.text, "");
        all.push_back({check.name, check.advice, check.place});
    }
    return all;
}

TEST(DoctorAdvice, IsNotGivenWhereThereIsNothingToSay) {
    EXPECT_THAT(advice_for("models:\n"
                           "  lfm2: {backend: gguf_native, path: a.gguf, pinned: true, preload: true}\n"
                           "  solar: {backend: ollama_http, model: solar, endpoints: [{url: 'http://box:1'}],\n"
                           "          on_loss: {fallback: refuse}}\n"),
                IsEmpty());
}

TEST(DoctorAdvice, LoadsWhatIsPinnedAtTheStart) {
    EXPECT_THAT(advice_for("models:\n"
                           "  lfm2:\n"
                           "    backend: gguf_native\n"
                           "    path: a.gguf\n"
                           "    pinned: true\n"),
                ElementsAre(Advised{"lfm2", "preload: true", "sarai.yaml:5"}));
}

TEST(DoctorAdvice, NamesWhoCouldStandInForALostServerUnlessSomebodyHasDecided) {
    const std::string here = "  lfm2: {backend: gguf_native, path: a.gguf}\n";
    const std::string box = "  solar: {backend: ollama_http, model: solar, endpoints: [{url: 'http://box:1'}]}\n";
    EXPECT_THAT(
        advice_for("models:\n" + here + box),
        ElementsAre(Advised{"solar", "on_loss: {fallback: lfm2}, or on_loss: {fallback: refuse} if that is meant",
                            "sarai.yaml:3"}));
    EXPECT_THAT(advice_for("models:\n" + box), IsEmpty());  // nobody could
    EXPECT_THAT(advice_for("models:\n" + here +
                           "  e: {backend: ollama_http, kind: embedding, endpoints: [{url: 'http://box:1'}]}\n"
                           "  f: {backend: gguf_native, kind: embedding, path: f.gguf}\n"),
                IsEmpty());  // other vectors are of no use
    EXPECT_THAT(advice_for("models:\n" + here +
                           "  two: {backend: ollama_http, endpoints: [{url: 'http://a:1'}, {url: 'http://b:1'}]}\n"),
                IsEmpty());
}

TEST(DoctorAdvice, WarnsOfAServerThatIsOpenToOthers) {
    const std::string models = "models: {m: {backend: gguf_native, path: m.gguf}}\n";
    EXPECT_THAT(
        advice_for("server:\n  listen: 0.0.0.0:1\n  insecure: true\n" + models),
        ElementsAre(
            Advised{"server", "tls_certificate: cert.pem and tls_key: key.pem, or a proxy that speaks TLS in front",
                    "sarai.yaml:2"},
            Advised{"server", "access: {keys: {NAME: {sha256: …}}}; \"sarai key NAME\" makes one", "sarai.yaml:3"}));
    EXPECT_THAT(advice_for("server: {listen: 127.0.0.1:1}\n" + models), IsEmpty());
}

TEST(DoctorAdvice, CountsWhatIsToBeLoadedAtTheStart) {
    std::string text = "memory:\n  max_concurrent_llms: 1\nmodels:\n";
    for (const auto* name : {"a", "b"})
        text += std::string("  ") + name + ": {backend: gguf_native, path: m.gguf, preload: true}\n";
    EXPECT_THAT(advice_for(text), ElementsAre(Advised{"memory", "max_concurrent_llms: 2", "sarai.yaml:2"}));
}

TEST(DoctorAdvice, TellsWhoseKeysGoOverTheNetworkInClear) {
    const auto with = [](const std::string& url) {
        return "models:\n  m: {backend: openai_http, model: m, endpoints: [{url: '" + url + "', api_key: k}]}\n";
    };
    EXPECT_THAT(advice_for(with("http://box:8080/v1")),
                ElementsAre(Advised{"m", "url: https://box:8080/v1, if the server speaks TLS", "sarai.yaml:2"}));
    for (const auto* url : {"https://box:1", "http://127.0.0.1:1", "http://localhost:1"})
        EXPECT_THAT(advice_for(with(url)), IsEmpty()) << url;
}

// Two models here, of which one has a cache that may be quantised.
PlanReport plan_with(Bytes budget) {
    PlanReport plan{
        .models = {{.name = "a", .local = memory::ModelPlan{.lines = {{"weights", MiB(100)}, {"kv_cache", MiB(64)}}}},
                   {.name = "b",
                    .local = memory::ModelPlan{.lines = {{"weights", MiB(100)}, {"kv_cache", MiB(64)}},
                                               .kv_quantisable = false}}},
        .backends = {"gguf_native", "gguf_native"},
        .limits = {.budget = budget, .machine = GiB(8), .reserve = {}, .own = MiB(32)},
        .scenarios = {},
        .native = {},
        .estimates = {}};
    plan.scenarios = memory::scenarios_of(plan.models, plan.limits);
    return plan;
}

TEST(DoctorAdvice, HalvesCachesWhereTheBudgetIsShort) {
    const std::string text =
        "models:\n  a: {backend: gguf_native, path: a.gguf}\n  b: {backend: gguf_native, path: b.gguf}\n";
    const auto tight = plan_with(MiB(340));
    EXPECT_THAT(advice_for(text, &tight), ElementsAre(Advised{"a", "kv_cache_type: q8_0", "sarai.yaml:2"}));
    const auto wide = plan_with(GiB(1));
    EXPECT_THAT(advice_for(text, &wide), IsEmpty());
    EXPECT_THAT(advice_for("models:\n  a: {backend: gguf_native, path: a.gguf, kv_cache_type: q8_0}\n"
                           "  b: {backend: gguf_native, path: b.gguf}\n",
                           &tight),
                IsEmpty());
}

}  // namespace
}  // namespace sarai::cli::doctor_advice_test
