#include "base/sha256.hpp"
#include "support.hpp"

namespace sarai::config::rules_test {
namespace {

// The text has this problem, and nothing else.
void expect_only(const std::string& text, std::string_view path, std::string_view words, const Environment& env = {}) {
    const auto config = load_text(text, "/etc/sarai", env);
    ASSERT_FALSE(config) << text;
    ASSERT_EQ(config.error().size(), 1U) << problems_of(text, env);
    EXPECT_EQ(config.error()[0].path, path);
    EXPECT_TRUE(to_string(config.error()[0]).contains(words)) << to_string(config.error()[0]);
}

}  // namespace

TEST(ConfigRules, ReadEveryPartOfAFullConfiguration) {
    const Config config = valid(R"(
server: {listen: "[::1]:0", max_request_body: 1MiB, header_timeout: 500ms, drain_timeout: 0}
memory: {max_ram: 12GB, reserve: 512MiB, max_concurrent_llms: 5}
engine: {server_binary: ./bin/llama-server, runtime_dir: run, state_dir: ~/state}
models:
  m:
    backend: ollama_http
    endpoints: [{url: "http://a", name: first}, {url: "https://b/v1", api_key: k}]
    keep_alive: 5m
    fallback: gguf_native
    path: ~/m.gguf
    mmproj: /abs/p.gguf
    parallel: 4
    threads: 2
    prompt_cache: 256MiB
    extra_args: [--flash-attn, "on", 5]
    timeouts: {connect: 1, load: 5m, first_token: 3s, silence: 4s, total: 1h}
)",
                                environment({{"HOME", "/home/me"}}));
    EXPECT_EQ(config.server.address, "::1");
    EXPECT_EQ(config.server.port, 0);
    EXPECT_EQ(config.server.max_request_body, MiB(1));
    EXPECT_EQ(config.server.header_timeout, 500ms);
    EXPECT_EQ(config.server.drain_timeout, 0ms);
    EXPECT_EQ(config.memory.max_ram, Bytes{12'000'000'000});
    EXPECT_EQ(config.memory.reserve, MiB(512));
    EXPECT_EQ(config.memory.max_concurrent_llms, 5);
    EXPECT_EQ(config.engine.server_binary, "/etc/sarai/bin/llama-server");
    EXPECT_EQ(config.engine.runtime_dir, "/etc/sarai/run");
    EXPECT_EQ(config.engine.state_dir, "/home/me/state");
    ASSERT_EQ(config.models.size(), 1U);
    const RemoteModel& remote = config.models[0].remote.value();
    EXPECT_EQ(remote.model, "m");
    EXPECT_EQ(remote.endpoints[0].name, "first");
    EXPECT_EQ(remote.endpoints[1].name, "b:443");
    EXPECT_EQ(remote.endpoints[1].api_key, "k");
    EXPECT_EQ(remote.keep_alive, "5m");
    EXPECT_EQ(remote.context_length, std::nullopt);
    EXPECT_EQ(remote.budgets.connect, 1s);
    EXPECT_EQ(remote.budgets.first_token, 3s);
    EXPECT_EQ(remote.budgets.silence, 4s);
    EXPECT_EQ(remote.budgets.total, 1h);
    const LocalModel& local = config.models[0].local.value();
    EXPECT_EQ(local.path, "/home/me/m.gguf");
    EXPECT_EQ(local.mmproj, "/abs/p.gguf");
    EXPECT_EQ(local.parallel, 4);
    EXPECT_EQ(local.threads, 2);
    EXPECT_EQ(local.prompt_cache, MiB(256));
    EXPECT_EQ(local.load_timeout, 5min);
    EXPECT_EQ(local.extra_args, (std::vector<std::string>{"--flash-attn", "on", "5"}));
}

TEST(ConfigRules, TakeABareNumberOfMaxRamGbAsGiB) {
    EXPECT_EQ(valid(with_model("memory: {max_ram_gb: 12}")).memory.max_ram, GiB(12));
    EXPECT_EQ(valid(with_model("memory: {max_ram_gb: 1.5}")).memory.max_ram, MiB(1536));
    EXPECT_EQ(valid(with_model("memory: {max_ram_gb: 12GB}")).memory.max_ram, Bytes{12'000'000'000});
    EXPECT_EQ(valid(with_model("memory:")).memory.max_ram, std::nullopt);
    expect_only(with_model("memory: {max_ram: 12}"), "memory.max_ram", "did you mean 12GiB?");
    expect_only(with_model("memory: {max_ram: 12GiB, max_ram_gb: 12}"), "memory.max_ram", "one of them");
}

TEST(ConfigRules, RefuseWrongTypesInsteadOfTakingTheDefault) {
    for (const char* value : {"many", "3.5", "0", "1025", "\"3\"", "[3]", "{a: 3}", "~", "", "true", "0x3"}) {
        expect_only(with_model("memory: {max_concurrent_llms: " + std::string(value) + "}"),
                    "memory.max_concurrent_llms", "expected a whole number from 1 to 1024");
    }
    for (const char* value : {"yes", "1", "\"true\"", "True", "~", "[]"}) {
        expect_only(as_model("backend: gguf_native, path: x, pinned: " + std::string(value)), "models.m.pinned",
                    "expected true or false");
    }
    expect_only(with_model("server: {drain_timeout: 2 days}"), "server.drain_timeout", "500ms, 2s or 5m");
    expect_only(with_model("server: {header_timeout: 0}"), "server.header_timeout", "from 1ms to 24h");
    expect_only(with_model("server: {max_request_body: 64 apples}"), "server.max_request_body", "512MB");
    expect_only(as_model("backend: gguf_native, path: [x]"), "models.m.path", "a list; expected a path");
    expect_only(as_model("backend: gguf_native, path: x, extra_args: -v"), "models.m.extra_args", "a list of texts");
    expect_only(as_model("backend: gguf_native, path: x, extra_args: [[]]"), "models.m.extra_args",
                "a list with a list");
    expect_only(with_model("memory: {strategy: native_ggfu}"), "memory.strategy", "did you mean native_gguf?");
}

TEST(ConfigRules, ListenOnThisMachineOnly) {
    expect_only(with_model("server: {listen: \"[::]:80\"}"), "server.listen", "SARAI_API_KEY");
    expect_only(with_model("server: {listen: 192.168.1.2:80}"), "server.listen", "server.insecure: true");
    EXPECT_FALSE(valid(with_model("server: {listen: 192.168.1.2:80, insecure: true}")).server.loopback);
    const auto config = valid(with_model("server: {listen: 0.0.0.0:80}"), environment({{"SARAI_API_KEY", "secret"}}));
    ASSERT_EQ(config.access.keys.size(), 1);
    EXPECT_EQ(config.access.keys[0].sha256, sha256_hex("secret"));
    EXPECT_TRUE(config.access.keys[0].admin);
    expect_only(with_model("server: {listen: 11435}"), "server.listen", "did you mean 127.0.0.1:11435?");
    expect_only(with_model("server: {listen: \":11435\"}"), "server.listen", "did you mean 127.0.0.1:11435?");
    expect_only(with_model("server: {listen: lan-box:11435}"), "server.listen", "such as 127.0.0.1:11435");
    expect_only(with_model("server: {listen: 127.0.0.1:65536}"), "server.listen", "such as 127.0.0.1:11435");
}

TEST(ConfigRules, KeysHaveAHashOrAVariable) {
    const auto hash = sha256_hex("k");
    const auto keys = [](const std::string& text) { return with_model("access: {keys: {" + text + "}}"); };
    const auto config =
        valid(keys("ann: {sha256: " + hash + ", models: [m], requests_per_minute: 3, concurrency: 2}, " +
                   "ben: {variable: BEN_KEY, admin: true, tokens_per_minute: 1000}"),
              environment({{"BEN_KEY", "b"}}));
    ASSERT_EQ(config.access.keys.size(), 2);
    EXPECT_EQ(config.access.keys[0],
              (ApiKey{.name = "ann", .sha256 = hash, .requests_per_minute = 3, .concurrency = 2, .models = {"m"}}));
    EXPECT_EQ(config.access.keys[1],
              (ApiKey{.name = "ben", .sha256 = sha256_hex("b"), .admin = true, .tokens_per_minute = 1000}));
    expect_only(keys("ann: {}"), "access.keys.ann", "has no key");
    expect_only(keys("ann: {sha256: " + hash + ", variable: X}"), "access.keys.ann", "has both");
    expect_only(keys("ann: {sha256: secret}"), "access.keys.ann.sha256", "not printed here; expected 64 hex");
    expect_only(keys("ann: {variable: BEN_KEY}"), "access.keys.ann.variable", "\"BEN_KEY\"; expected a variable");
    expect_only(keys("ann: {sha256: " + hash + ", models: [x]}"), "access.keys.ann.models", "\"x\"");
    expect_only(keys("ann: {sha256: " + hash + ", models: []}"), "access.keys.ann.models", "at least one model");
    expect_only(keys(""), "access.keys", "at least one");
    expect_only(keys("ann: sk-sarai-1"), "access.keys.ann", "not printed here");
    expect_only(keys("ann: {variable: sk-sarai-1}"), "access.keys.ann.variable", "not printed here");
    expect_only(keys("ann: {sha256: " + hash + "}, ben: {sha256: " + hash + "}"), "access.keys.ben", "key of ann");
    expect_only(keys("ann: {sha256: " + hash + ", concurency: 1}"), "access.keys.ann.concurency", "concurrency?");
}

TEST(MediaConfig, NamesHostsAndRangesThatMayBeFetchedFrom) {
    const auto media = valid(with_model("media: {fetch: false, allow: [192.168.1.0/24, \"fd00::/8\", 10.1.2.3, a.lan], "
                                        "max_bytes: 5MiB, max_pixels: 1000000, timeout: 3s, max_redirects: 0, "
                                        "max_video_frames: 8}"))
                           .media;
    EXPECT_FALSE(media.fetch);
    EXPECT_EQ(media.allow.size(), 4U);
    EXPECT_EQ(media.max_bytes, MiB(5));
    EXPECT_EQ(media.max_pixels, 1'000'000);
    EXPECT_EQ(media.timeout, 3s);
    EXPECT_EQ(media.max_redirects, 0);
    EXPECT_EQ(media.max_video_frames, 8);
    EXPECT_TRUE(valid(with_model("")).media.fetch);
    for (const auto* entry : {"192.168.1.1/24", "10.0.0.0/40", "\"http://a.lan\"", "\"a b\""})
        expect_only(with_model("media: {allow: [" + std::string(entry) + "]}"), "media.allow", "192.168.1.0/24");
    expect_only(with_model("media: {max_redirects: 99}"), "media.max_redirects", "from 0 to 20");
    expect_only(with_model("media: {max_bytes: 2GiB}"), "media.max_bytes", "at most 1.00 GiB");
}

TEST(ConfigRules, SpeechIsEspeaksWithinItsBounds) {
    const auto speech =
        valid(
            with_model("speech: {backend: espeak-ng, default_voice: es-419, max_input: 100, at_once: 1, timeout: 5s}"))
            .speech;
    EXPECT_EQ(speech.default_voice, "es-419");
    EXPECT_EQ(speech.max_input, 100);
    EXPECT_EQ(speech.at_once, 1);
    EXPECT_EQ(speech.timeout, 5s);
    EXPECT_EQ(valid(with_model("")).speech.max_input, 4096);
    expect_only(with_model("speech: {backend: llama-tts}"), "speech.backend", "expected espeak-ng");
    expect_only(with_model("speech: {default_voice: de}"), "speech.default_voice", "es-419");
    expect_only(with_model("speech: {at_once: 0}"), "speech.at_once", "from 1 to 64");
}

TEST(ConfigRules, OriginsHostsAndCertificates) {
    EXPECT_EQ(valid(with_model("access: {cors_origins: [\"https://a.example:8443\", \"*\"], allowed_hosts: [a.lan]}"))
                  .access.cors_origins.size(),
              2);
    expect_only(with_model("access: {cors_origins: [a.example]}"), "access.cors_origins", "scheme://host");
    expect_only(with_model("access: {cors_origins: [\"https://a.example/\"]}"), "access.cors_origins", "scheme://host");
    expect_only(with_model("access: {allowed_hosts: [\"a.lan:80\"]}"), "access.allowed_hosts", "without port");
    expect_only(with_model("server: {tls_key: key.pem}"), "server.tls_certificate", "missing");
    EXPECT_EQ(valid(with_model("server: {tls_key: key.pem, tls_certificate: cert.pem}")).server.tls_key,
              "/etc/sarai/key.pem");
}

TEST(ConfigRules, NeedAtLeastOneModel) {
    expect_only("", "models", "expected at least one model");
    expect_only("models: {}", "models", "line 1, column 1");
    expect_only("models:", "models", "missing");
}

TEST(ConfigRules, RefuseModelNamesThatCouldEscape) {
    expect_only("models: {/etc: {backend: gguf_native, path: x}}", "models./etc", "a model name");
    expect_only("models: {a..b: {backend: gguf_native, path: x}}", "models.a..b", "a model name");
}

TEST(ConfigRules, NeedThePartsThatABackendIsMadeOf) {
    expect_only("models: {m:}", "models.m.backend", "line 1, column 10: models.m.backend: missing");
    expect_only(as_model("backend: gguf_native"), "models.m.path", "for backend is gguf_native");
    expect_only(as_model("backend: ollama_http, fallback: gguf_native"), "models.m.path",
                "for fallback is gguf_native");
    expect_only(as_model("backend: openai_http"), "models.m.endpoints", "for backend is openai_http");
    expect_only(as_model("backend: openai_http, endpoints: [{api_key: k}]"), "models.m.endpoints[0].url", "missing");
    expect_only(as_model("backend: openai_http, endpoints: [~]"), "models.m.endpoints[0]", "nothing");
    expect_only(as_model("backend: openai_http, endpoints: []"), "models.m.endpoints", "an empty list");
    expect_only(as_model("backend: ollama_http, endpoints: [{url: \"http://a\"}, {url: \"http://a/\"}]"),
                "models.m.endpoints[1].url", "every server once");
}

TEST(ConfigRules, RefuseWhatWouldHaveNoEffect) {
    const std::string local = "backend: gguf_native, path: x, ";
    const std::string remote = "backend: ollama_http, ";
    expect_only(as_model(local + "endpoints: [{url: \"http://a\"}]"), "models.m.endpoints", "backend ollama_http or");
    expect_only(as_model(local + "model: y"), "models.m.model", "no effect");
    expect_only(as_model(local + "timeouts: {connect: 1}"), "models.m.timeouts.connect", "no effect");
    expect_only(as_model(local + "fallback: gguf_native"), "models.m.fallback", "only behind");
    expect_only(as_model(remote + "path: x"), "models.m.path", "fallback gguf_native beside it");
    expect_only(as_model(remote + "threads: 2"), "models.m.threads", "no effect");
    expect_only(as_model(remote + "timeouts: {load: 1}"), "models.m.timeouts.load", "no effect");
    expect_only(as_model("backend: openai_http, endpoints: [{url: \"http://a\"}], keep_alive: 5m"),
                "models.m.keep_alive", "backend ollama_http");
}

TEST(ConfigRules, StandByOnlyWithAWorkerThatIsLoaded) {
    const std::string both =
        "backend: ollama_http, endpoints: [{url: http://box:1}], fallback: gguf_native, path: m.gguf";
    const Config config = valid(as_model(both + ", preload: true, hedge: true, warm_takeover: true"));
    EXPECT_TRUE(config.models[0].hedge && config.models[0].warm_takeover);
    expect_only(as_model(both + ", hedge: true"), "models.m.hedge", "preload: true");
    expect_only(as_model("backend: ollama_http, endpoints: [{url: \"http://box:1\"}], warm_takeover: true"),
                "models.m.warm_takeover", "fallback: gguf_native");
}

TEST(ConfigRules, SpreadModelsOverTheServersOfTheEngine) {
    const std::string sharded = as_model("backend: gguf_native, path: m.gguf, sharded: true");
    const Config config = valid("engine: {rpc: [\"box-a:50052\", \"10.0.0.2:50052\"], rpc_split: [3, 1]}\n" + sharded);
    EXPECT_EQ(config.models[0].local->nodes, (std::vector<std::string>{"box-a:50052", "10.0.0.2:50052"}));
    EXPECT_EQ(config.models[0].local->split, (std::vector{3, 1}));
    expect_only(sharded, "models.m.sharded", "engine.rpc");
    expect_only("engine: {rpc: [\"box-a\"]}\n" + sharded, "engine.rpc", "host:port");
    expect_only("engine: {rpc: [\"a:1\"], rpc_split: [1, 2]}\n" + sharded, "engine.rpc_split", "each of the 1 servers");
    expect_only("engine: {rpc: [\"a:1\"], rpc_split: [zero]}\n" + sharded, "engine.rpc_split", "whole numbers");
    expect_only(as_model("backend: gguf_native, path: x, extra_args: [\"--rpc\", \"a:1\"]"), "models.m.extra_args",
                "sharded");
}

TEST(ConfigRules, NeedWhatWakesAServer) {
    const auto endpoint = [](std::string_view more) {
        return as_model("backend: ollama_http, endpoints: [{url: http://box:1, " + std::string(more) + "}]");
    };
    EXPECT_EQ(valid(endpoint("mac: '00:1a:2B:3c:4d:5e'")).models[0].remote->endpoints[0].mac, "00:1a:2B:3c:4d:5e");
    expect_only(endpoint("mac: '00:1a:2b:3c:4d'"), "models.m.endpoints[0].mac", "a MAC address such as");
    expect_only(endpoint("mac: '00:1a:2b:3c:4d:5e', wake_address: 'box:9'"), "models.m.endpoints[0].wake_address",
                "192.168.1.255:9");
    expect_only(endpoint("wake_address: '192.168.1.255:9'"), "models.m.endpoints[0].wake_address", "mac beside it");
}

TEST(ConfigRules, SayWhatTheLossOfAServerMayDisplace) {
    const std::string others =
        ", b: {backend: gguf_native, path: b}, e: {backend: gguf_native, path: e, kind: embedding}}";
    const auto with = [&](const std::string& keys) {
        return "models: {m: {backend: ollama_http, " + keys + "}" + others;
    };
    const Config config = valid(with("path: x, on_loss: {fallback: local, may_displace: [b, e]}"));
    EXPECT_EQ(config.models[0].on_loss.fallback, "local");
    EXPECT_TRUE(config.models[0].local);
    EXPECT_EQ(config.models[0].on_loss.may_displace, (std::vector<std::string>{"b", "e"}));
    EXPECT_EQ(valid(with("fallback: gguf_native, path: x")).models[0].on_loss.fallback, "local");
    EXPECT_EQ(valid(with("keep_alive: 5m")).models[0].on_loss.fallback, "refuse");
    EXPECT_EQ(valid(with("on_loss: {fallback: b}")).models[0].on_loss.fallback, "b");
    expect_only(with("on_loss: {fallback: c}"), "models.m.on_loss.fallback", "the name of another model");
    expect_only(with("on_loss: {fallback: m}"), "models.m.on_loss.fallback", "the name of another model");
    expect_only(with("on_loss: {fallback: e}"), "models.m.on_loss.fallback", "of the same kind");
    expect_only(with("on_loss: {fallback: local}"), "models.m.path", "on_loss.fallback is local");
    expect_only(with("on_loss: {fallback: b}, fallback: gguf_native, path: x"), "models.m.on_loss.fallback",
                "local, for");
    expect_only(with("path: x, on_loss: {fallback: local, may_displace: [b, b]}"), "models.m.on_loss.may_displace",
                "each once");
    expect_only(with("on_loss: {fallback: b, may_displace: [e]}"), "models.m.on_loss.may_displace", "no effect");
    expect_only(as_model("backend: gguf_native, path: x, on_loss: {fallback: refuse}"), "models.m.on_loss.fallback",
                "no effect");
}

TEST(ConfigRules, KeepTheWorkersMemoryFlagsToThemselves) {
    const std::string local = "backend: gguf_native, path: x, ";
    expect_only(as_model(local + "extra_args: [--cache-ram, 8192]"), "models.m.extra_args",
                "the key prompt_cache instead");
    expect_only(as_model(local + "extra_args: [--ctx-size=9]"), "models.m.extra_args",
                "the key context_length instead");
    expect_only(as_model(local + "extra_args: [--lora, a.gguf]"), "models.m.extra_args", "not in the plan");
    EXPECT_EQ(valid(as_model(local + "extra_args: [--temp, 0]")).models[0].local->extra_args.size(), 2U);
}

TEST(ConfigRules, KnowRerankersWhereTheyCanBe) {
    EXPECT_EQ(valid(as_model("backend: gguf_native, path: x, kind: rerank")).models[0].kind, ModelKind::rerank);
    EXPECT_EQ(valid(as_model("backend: openai_http, endpoints: [{url: http://box:1}], kind: rerank")).models[0].kind,
              ModelKind::rerank);
    expect_only(as_model("backend: ollama_http, endpoints: [{url: http://box:1}], kind: rerank"), "models.m.kind",
                "Ollama ranks no documents");
    expect_only(as_model("backend: gguf_native, path: x, kind: reranker"), "models.m.kind",
                "chat or embedding or rerank");
    expect_only(as_model("backend: gguf_native, path: x, extra_args: [--reranking]"), "models.m.extra_args",
                "the key kind instead");
}

TEST(ConfigRules, BoundWhatMayBeGivenUp) {
    const std::string local = "backend: gguf_native, path: x, ";
    const Config config = valid(as_model(
        local +
        "kv_cache_type: q8_0, kv_cache_type_fallback: q4_0, min_context_length: 512, load_mode: mmap, batch: 512, "
        "ttl: 10m, priority: 80, estimated_ram: 6GiB, alternatives: [y, /z]"));
    const auto& model = config.models[0];
    EXPECT_EQ(model.local->kv_cache_type, "q8_0");
    EXPECT_EQ(model.local->kv_cache_type_fallback, "q4_0");
    EXPECT_EQ(model.local->min_context_length, 512);
    EXPECT_EQ(model.local->load_mode, "mmap");
    EXPECT_EQ(model.local->batch, 512);
    EXPECT_EQ(model.ttl, 10min);
    EXPECT_EQ(model.priority, 80);
    EXPECT_EQ(model.estimated_ram, GiB(6));
    EXPECT_EQ(model.local->alternatives, (std::vector<std::filesystem::path>{"/etc/sarai/y", "/z"}));
    expect_only(as_model(local + "min_context_length: 4096"), "models.m.min_context_length", "at most context_length");
    expect_only(as_model(local + "pinned: true, ttl: 5m"), "models.m.ttl", "one of pinned and ttl");
    expect_only(with_model("memory: {policy: lur}"), "memory.policy", "did you mean lru?");
    expect_only(with_model("memory: {enforcement: cgruop}"), "memory.enforcement", "did you mean cgroup?");
}

TEST(ConfigRules, NameTheNearestKnownKey) {
    expect_only(with_model("sever: {}"), "sever", "did you mean server?");
    expect_only(as_model("bakcend: gguf_native, backend: gguf_native, path: x"), "models.m.bakcend",
                "did you mean backend?");
    expect_only(as_model("backend: openai_http, endpoints: [{url: \"http://a\", apikey: k}]"),
                "models.m.endpoints[0].apikey", "did you mean api_key?");
    expect_only(with_model("colour: red"), "colour", "colour: unknown key");
    expect_only(with_model("models.*: {}"), "models.*", "unknown key");
}

TEST(ConfigRules, UseLocalFilesAloneWhenTheStrategySaysSo) {
    const std::string strategy = "memory: {strategy: native_gguf}\n";
    const Config config = valid(strategy + as_model("backend: ollama_http, fallback: gguf_native, path: x"));
    EXPECT_FALSE(config.models[0].remote);
    EXPECT_TRUE(config.models[0].local);
    expect_only(strategy + as_model("backend: ollama_http"), "models.m.backend", "has no local file");
}

}  // namespace sarai::config::rules_test
