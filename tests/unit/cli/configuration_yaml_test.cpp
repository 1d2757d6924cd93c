#include "cli/configuration_yaml.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/yaml_tree.hpp"

namespace sarai::cli::configuration_yaml_test {
namespace {

using testing::HasSubstr;
using testing::Not;

const config::Environment with_keys{.variables = {{"KEY", "secret"}}};
const config::Environment as_written{
    .variables = {{"SARAI_CLOUD_API_KEY", "secret"}, {"SARAI_WEB_API_KEY", "web secret"}}};

config::Config loaded(std::string_view text, const config::Environment& environment) {
    auto config = config::load_text(text, "/etc/sarai", environment);
    EXPECT_TRUE(config.has_value()) << (config ? "" : config::report("", config.error())) << text;
    return config.value_or(config::Config{});
}

// Every key that there is, and none with its default.
constexpr std::string_view everything = R"(
server: {listen: "[::1]:7777", max_request_body: 32MiB, header_timeout: 1500ms, drain_timeout: 0, heartbeat: 3s,
         access_log: json, insecure: true, tls_certificate: c.pem, tls_key: k.pem}
access:
  cors_origins: ["https://chat.example"]
  allowed_hosts: [sarai.lan]
  keys:
    ann: {sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef, admin: true, models: [lfm2],
          requests_per_minute: 60, tokens_per_minute: 5000, concurrency: 2}
memory: {max_ram: 12GB, reserve: 512MiB, max_concurrent_llms: 5, strategy: hybrid_http_gguf, policy: lru, enforcement: watchdog}
engine: {server_binary: /opt/llama-server, runtime_dir: /run/sarai, rpc: ["one:50052", "two:50052"], rpc_split: [3, 1],
         state_dir: /var/lib/sarai}
estimates: {native: 19.1GB, hybrid: 7.5GB, system: 1.5GB}
telemetry: {otlp_endpoint: "http://127.0.0.1:4318"}
library: {path: lib, hugging_face: "https://mirror.example", sources: {box: {url: "http://box:8000/gguf"}}}
media: {fetch: false, allow: [intranet.example], max_bytes: 1MiB, max_pixels: 1000000, timeout: 2s, max_redirects: 1,
        max_video_frames: 8}
speech: {default_voice: es, max_input: 100, at_once: 1, timeout: 30s}
web: {url: "http://127.0.0.1:8888", api_key: web secret, timeout: 4s, pages: 1, max_page_bytes: 1MiB, ttl: 10m, ttl_fresh: 10s,
      audit_log: audit.jsonl}
knowledge: {store: docs, embedding_model: "true"}
routing:
  {enabled: false, hard: "solar:10.7b", soft: lfm2, web_query: cloud, multimodal: lfm2, image: look, audio: lfm2, mixed: look,
   web: cloud, default: lfm2, alpha: 0.7, beta: 0, keep: false, topic_change: 0.25,
   thresholds: {hard: 0.1, soft: 1, web_query: 0.333, mixed: 0.4, familiar: 0}, store_prompts: true, weights: /m/w.gguf,
   mini_weights: /m/v.gguf,
   rules: [{language: es, attachment: any, min_size: 3B, max_size: 1KiB, tools: false, model: cloud}, {model: lfm2}]}
built_in_pipelines: false
pipelines:
  look:
    description: "Looks,\n\tthen \"answers\""
    parameters: {tone: "", style: "$${plain}\n"}
    deadline: 90s
    output: answer
    preface: "{{ notes }}\r\n"
    closing: "{{ sources }}"
    steps:
      - {name: see, model: lfm2, attachments: image, when: images > 0, system: "You see.", prompt: "{{ input }}?\n", history: true,
         temperature: 0.2, max_tokens: 400}
      - {name: answer, role: expert, history: false, after: [see, found, read]}
      - {name: found, knowledge: notes, query: "{{ steps.see }}", limit: 3, max_text: 1KiB}
      - {name: read, web: true}
  plain: {steps: [{name: only, model: lfm2}]}
models:
  solar:10.7b:
    backend: ollama_http
    endpoints: [{url: "http://box:11434"},
                {url: "http://other:11434", name: two, capacity: 5, weight: 3, mac: "aa:bb:cc:dd:ee:ff", wake_address: "10.0.0.255:9"}]
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
    preload: true
    warm_takeover: true
    hedge: true
    ttl: 60s
    estimated_ram: 7GB
  lfm2: {backend: gguf_native, path: /m/l.gguf, mmproj: /m/p.gguf, mmproj_load: always, mmproj_ttl: 5m, parallel: 4, threads: 2,
         prompt_cache: 65MB, batch: 64, load_mode: mmap, pinned: true, preload: true, sharded: true, extra_args: ["--flash-attn", "on"]}
  cloud: {backend: openai_http, endpoints: [{url: "https://wan", api_key: "${KEY}"}], context_length: 4096, on_loss: {fallback: lfm2}}
  box: {backend: ollama_http, endpoints: [{url: "http://box:11434"}], fallback: gguf_native, path: /m/b.gguf}
  hears: {backend: whisper, path: /m/w.bin, language: "no", threads: 1}
  true: {backend: gguf_native, kind: embedding, path: /m/e.gguf}
)";

// Of every value in a tree, by its key's pattern: how it is written, for those that are a text.
using Values = std::multimap<std::string, std::string>;
void collect(const config::Node& node, const std::string& pattern, Values& values) {
    if (!pattern.empty()) values.emplace(pattern, node.text);
    const auto* key = config::find_key(pattern);
    const bool named = key != nullptr && key->type == config::Type::named;
    for (std::size_t i = 0; i < node.keys.size(); ++i)
        collect(node.items[i],
                pattern.empty() ? node.keys[i] : fmt::format("{}.{}", pattern, named ? "*" : node.keys[i]), values);
    if (key != nullptr && key->type == config::Type::section_list)
        for (const auto& item : node.items) collect(item, pattern + "[]", values);
}

Values values_of(std::string_view text) {
    Values values;
    const auto tree = config::parse_yaml(text);
    EXPECT_TRUE(tree.has_value()) << (tree ? "" : config::to_string(tree.error()));
    if (tree) collect(*tree, "", values);
    return values;
}

// Keys that mean what another key means, which is written instead.
const std::map<std::string_view, std::string_view> written_as{
    {"access.api_key", "access.keys.*.sha256"},
    {"access.keys.*.variable", "access.keys.*.sha256"},
    {"memory.max_ram_gb", "memory.max_ram"},
    {"models.*.fallback", "models.*.on_loss.fallback"},
};

}  // namespace

// A key that is new fails this until it is written, and is in `everything`.
TEST(ConfigurationYaml, WritesEveryKeyThatThereIs) {
    const auto given = values_of(everything);
    const auto written = values_of(configuration_yaml(loaded(everything, with_keys)));
    for (const auto& key : config::keys()) {
        const bool of_one_value = key.type == config::Type::choice && !key.choices.contains('|');
        if (of_one_value || written_as.contains(key.path)) continue;
        const std::string path(key.path);
        const auto [first, last] = given.equal_range(path);
        // Of strategy, every other value leaves servers away.
        const bool says_something = std::any_of(first, last, [&](const auto& value) {
            return value.second != key.fallback || value.second.empty() || path == "memory.strategy";
        });
        EXPECT_TRUE(says_something) << path << " is not in this test, or with its default";
        EXPECT_TRUE(written.contains(path)) << path << " is not written";
    }
    for (const auto& [key, other] : written_as) {
        EXPECT_NE(config::find_key(key), nullptr) << key;
        EXPECT_TRUE(written.contains(std::string(other))) << other;
    }
}

TEST(ConfigurationYaml, MeansTheConfigurationThatItWasMadeFrom) {
    const auto config = loaded(everything, with_keys);
    const auto text = configuration_yaml(config);
    const auto again = loaded(text, as_written);
    EXPECT_EQ(again.server, config.server) << text;
    EXPECT_EQ(again.access, config.access) << text;
    EXPECT_EQ(again.memory, config.memory) << text;
    EXPECT_EQ(again.engine, config.engine) << text;
    EXPECT_EQ(again.estimates, config.estimates) << text;
    EXPECT_EQ(again.telemetry, config.telemetry) << text;
    EXPECT_EQ(again.library, config.library) << text;
    EXPECT_EQ(again.media, config.media) << text;
    EXPECT_EQ(again.speech, config.speech) << text;
    EXPECT_EQ(again.web, config.web) << text;
    EXPECT_EQ(again.knowledge, config.knowledge) << text;
    EXPECT_EQ(again.routing, config.routing) << text;
    EXPECT_EQ(again.built_in_pipelines, config.built_in_pipelines) << text;
    EXPECT_EQ(again.pipelines, config.pipelines) << text;
    ASSERT_EQ(again.models.size(), config.models.size());
    for (std::size_t i = 0; i < config.models.size(); ++i)
        EXPECT_EQ(again.models[i], config.models[i]) << config.models[i].name << "\n" << text;
}

TEST(ConfigurationYaml, WritesNoSecretButTheVariableThatHasIt) {
    const auto text = configuration_yaml(loaded(everything, with_keys));
    EXPECT_THAT(text, HasSubstr("api_key: \"${SARAI_CLOUD_API_KEY:-}\""));
    EXPECT_THAT(text, HasSubstr("api_key: \"${SARAI_WEB_API_KEY:-}\""));
    EXPECT_THAT(text, Not(HasSubstr("secret")));
    // They are not needed to read it.
    EXPECT_EQ(loaded(text, {}).web.api_key, "");
}

TEST(ConfigurationYaml, LeavesPipelinesAwayThatComeWithTheProgram) {
    const auto config = loaded("models: {lfm2: {backend: gguf_native, path: /m/l.gguf}}", {});
    EXPECT_FALSE(config.pipelines.empty());
    const auto text = configuration_yaml(config);
    EXPECT_THAT(text, Not(HasSubstr("pipelines")));
    EXPECT_EQ(loaded(text, {}).pipelines, config.pipelines);
}

// Their keys are of remote models alone, and what cannot be read is not written.
TEST(ConfigurationYaml, CanBeReadAlsoOfAModelWhoseServersWereTakenAway) {
    auto config = loaded(everything, with_keys);
    config.models[0].remote.reset();
    const auto again = loaded(configuration_yaml(config), as_written);
    EXPECT_FALSE(again.models.at(0).remote);
    EXPECT_EQ(again.models.at(0).local, config.models[0].local);
}

}  // namespace sarai::cli::configuration_yaml_test
