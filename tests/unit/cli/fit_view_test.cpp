#include "cli/fit_view.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "cli/configuration_yaml.hpp"
#include "config/load.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

config::Config load(std::string_view text) {
    const config::Environment env{.variables = {{"KEY", "secret"}}};
    auto config = config::load_text(text, "/etc/sarai", env);
    EXPECT_TRUE(config.has_value()) << (config ? "" : config::report("", config.error())) << text;
    return config.value_or(config::Config{});
}

FitReport two_models() {
    FitReport report{
        .config = load("models: {solar: {backend: gguf_native, path: s.gguf}, embed: {backend: gguf_native, "
                       "kind: embedding, path: e.gguf}}"),
        .names = {"solar", "embed"},
        .configured = {{.model = "/m/s.gguf"}, {.model = "/m/e.gguf", .embedding = true}},
        .fit = {},
        .budget = GiB(8),
        .own = MiB(32),
        .machine_budget = GiB(15)};
    memory::Fitted solar{.shape = report.configured[0],
                         .plan = {.lines = {{"weights", MiB(6160)}, {"kv_cache", MiB(204)}, {"mmproj", MiB(500)}}},
                         .ideal = report.configured[0],
                         .next = report.configured[0],
                         .next_cost = MiB(1100)};
    solar.shape.kv_cache_type = "q8_0";
    solar.ideal.context_length = 4096;
    solar.next->context_length = 4096;
    memory::Fitted embed{
        .shape = report.configured[1], .plan = {.lines = {{"weights", MiB(400)}}}, .ideal = report.configured[1]};
    report.fit = {.models = {solar, embed}, .total = MiB(7264), .errors = MiB(70), .possible = true};
    return report;
}

// See plan_view_test.cpp.
void expect_golden(const std::string& name, const std::string& text) {
    const std::string path = SARAI_TEST_DATA "/plan/" + name;
    if (std::getenv("SARAI_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
    std::ifstream file(path);
    EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << path;
}

const Screen screen{.width = 90, .unicode = true, .style = {}};

}  // namespace

TEST(FitView, ShowsWhatWasChosenWhyAndWhatTheNextStepTakes) {
    expect_golden("fit.txt", fit_text(two_models(), screen));
}

TEST(FitView, SaysByHowMuchItIsImpossibleAndWhatWouldHelp) {
    auto report = two_models();
    report.fit.possible = false;
    report.budget = GiB(6);
    report.machine_budget = GiB(5);
    report.notes = {"degraded: big lost: the fallback would not fit"};
    expect_golden("fit_impossible.txt", fit_text(report, screen));
    const auto printed = json::parse(fit_json(report)).as_object();
    EXPECT_FALSE(printed.at("possible").as_bool());
    EXPECT_EQ(printed.at("missing_bytes").as_int64(), (MiB(7264 + 70 + 32) - GiB(6)).count);
    EXPECT_FALSE(printed.contains("configuration"));
}

TEST(FitView, PrintsJsonForScripts) {
    const auto printed = json::parse(fit_json(two_models())).as_object();
    EXPECT_TRUE(printed.at("possible").as_bool());
    EXPECT_EQ(printed.at("needed_bytes").as_int64(), MiB(7366).count);
    const auto& solar = printed.at("models").at(0).as_object();
    EXPECT_EQ(solar.at("kv_cache_type").as_string(), "q8_0");
    EXPECT_EQ(solar.at("next").at("bytes").as_int64(), MiB(1100).count);
    EXPECT_EQ(solar.at("without_budget").as_string(), "context 4096, KV f16");
    EXPECT_TRUE(printed.at("models").at(1).at("next").is_null());
    (void)load(printed.at("configuration").as_string());
}

TEST(ConfigurationYaml, MeansTheConfigurationThatItWasMadeFrom) {
    const auto config = load(R"(
server: {listen: "[::1]:7777", max_request_body: 32MiB, header_timeout: 1500ms, drain_timeout: 0, heartbeat: 3s}
memory: {max_ram: 12GB, reserve: 512MiB, max_concurrent_llms: 5, policy: lru, enforcement: watchdog}
engine: {server_binary: /opt/llama-server, runtime_dir: /run/sarai}
estimates: {native: 19.1GB, hybrid: 7.5GB, system: 1.5GB}
routing:
  {hard: "solar:10.7b", soft: lfm2, web_query: cloud, multimodal: lfm2, default: lfm2, alpha: 0.7, beta: 0, keep: false,
   topic_change: 0.25, thresholds: {hard: 0.1, soft: 1, web_query: 0.333, familiar: 0}, store_prompts: true, weights: /m/w.gguf,
   mini_weights: /m/v.gguf, rules: [{language: es, attachment: any, min_size: 3B, max_size: 1KiB, tools: false, model: cloud}, {model: lfm2}]}
models:
  solar:10.7b:
    backend: ollama_http
    endpoints: [{url: "http://box:11434"}, {url: "http://other:11434", name: two, capacity: 5, weight: 3}]
    wan: last
    continues_answers: true
    queue: {length: 7, max_wait: 90s}
    model: "big \"one\" $${HOME}"
    keep_alive: "-1"
    path: /m/it's "s\\.gguf
    context_length: 3000
    min_context_length: 1000
    kv_cache_type: q8_0
    kv_cache_type_fallback: q4_0
    alternatives: [/m/q3.gguf, /m/q2.gguf]
    on_loss: {fallback: local, may_displace: [lfm2]}
    timeouts: {load: 10s, connect: 250ms, first_token: 3s, silence: 4s, total: 5s}
    priority: 80
    ttl: 60s
    estimated_ram: 7GB
  lfm2: {backend: gguf_native, path: /m/l.gguf, mmproj: /m/p.gguf, parallel: 4, threads: 2, prompt_cache: 65MB, batch: 64,
         load_mode: mmap, pinned: true, preload: true, extra_args: ["--flash-attn", "on"]}
  cloud: {backend: openai_http, endpoints: [{url: "https://wan", api_key: "${KEY}"}], context_length: 4096, on_loss: {fallback: lfm2}}
  true: {backend: gguf_native, kind: embedding, path: /m/e.gguf}
)");
    const auto text = configuration_yaml(config);
    const auto again = load(text);
    EXPECT_THAT(text, testing::HasSubstr("api_key: \"${SARAI_CLOUD_API_KEY:-}\""));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("secret")));
    EXPECT_EQ(again.server.address, "::1");
    EXPECT_EQ(again.server.port, 7777);
    EXPECT_EQ(again.server.max_request_body, MiB(32));
    EXPECT_EQ(again.server.header_timeout, config.server.header_timeout);
    EXPECT_EQ(again.server.drain_timeout, config.server.drain_timeout);
    EXPECT_EQ(again.memory.max_ram, config.memory.max_ram);
    EXPECT_EQ(again.memory.reserve, config.memory.reserve);
    EXPECT_EQ(again.memory.max_concurrent_llms, 5);
    EXPECT_EQ(again.memory.policy, "lru");
    EXPECT_EQ(again.engine.server_binary, config.engine.server_binary);
    EXPECT_EQ(again.engine.runtime_dir, config.engine.runtime_dir);
    EXPECT_EQ(again.routing, config.routing);
    EXPECT_EQ(again.estimates.native, config.estimates.native);
    ASSERT_EQ(again.models.size(), 4U);
    const auto& solar = again.models[0];
    const auto& was = config.models[0];
    EXPECT_EQ(solar.name, was.name);
    ASSERT_TRUE(solar.remote && solar.local);
    EXPECT_EQ(solar.remote->model, "big \"one\" ${HOME}");
    EXPECT_EQ(solar.remote->endpoints.size(), 2U);
    EXPECT_EQ(solar.remote->endpoints[1].name, "two");
    EXPECT_EQ(solar.remote->keep_alive, "-1");
    EXPECT_EQ(solar.remote->endpoints[0].capacity, 2);
    EXPECT_EQ(solar.remote->endpoints[1].capacity, 5);
    EXPECT_EQ(solar.remote->endpoints[1].weight, 3);
    EXPECT_EQ(solar.remote->wan, "last");
    EXPECT_TRUE(solar.remote->continues);
    EXPECT_EQ(solar.queue.length, 7);
    EXPECT_EQ(solar.queue.max_wait, std::chrono::seconds(90));
    EXPECT_EQ(again.models[2].remote->endpoints[0].capacity, 0);
    EXPECT_EQ(again.server.heartbeat, std::chrono::seconds(3));
    EXPECT_EQ(again.memory.enforcement, "watchdog");
    EXPECT_EQ(solar.remote->context_length, 3000);
    EXPECT_EQ(solar.remote->budgets.connect, was.remote->budgets.connect);
    EXPECT_EQ(solar.remote->budgets.first_token, was.remote->budgets.first_token);
    EXPECT_EQ(solar.remote->budgets.silence, was.remote->budgets.silence);
    EXPECT_EQ(solar.remote->budgets.total, was.remote->budgets.total);
    EXPECT_EQ(solar.local->path, was.local->path);
    EXPECT_EQ(solar.local->alternatives, was.local->alternatives);
    EXPECT_EQ(solar.local->kv_cache_type_fallback, "q4_0");
    EXPECT_EQ(solar.local->min_context_length, 1000);
    EXPECT_EQ(solar.local->load_timeout, was.local->load_timeout);
    EXPECT_EQ(solar.on_loss.may_displace, was.on_loss.may_displace);
    EXPECT_EQ(solar.priority, 80);
    EXPECT_EQ(solar.ttl, was.ttl);
    EXPECT_EQ(solar.estimated_ram, was.estimated_ram);
    const auto& lfm2 = again.models[1];
    EXPECT_EQ(lfm2.local->mmproj, "/m/p.gguf");
    EXPECT_EQ(lfm2.local->parallel, 4);
    EXPECT_EQ(lfm2.local->threads, 2);
    EXPECT_EQ(lfm2.local->prompt_cache, Bytes{65'000'000});
    EXPECT_EQ(lfm2.local->batch, 64);
    EXPECT_EQ(lfm2.local->load_mode, "mmap");
    EXPECT_EQ(lfm2.local->extra_args, config.models[1].local->extra_args);
    EXPECT_TRUE(lfm2.pinned && lfm2.preload);
    EXPECT_EQ(again.models[2].on_loss.fallback, "lfm2");
    EXPECT_EQ(again.models[2].remote->context_length, 4096);
    EXPECT_EQ(again.models[3].name, "true");
    EXPECT_EQ(again.models[3].kind, config::ModelKind::embedding);
}

}  // namespace sarai::cli
