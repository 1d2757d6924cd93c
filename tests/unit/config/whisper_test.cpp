#include "support.hpp"

namespace sarai::config::whisper_test {
namespace {

std::string ear(std::string_view keys = {}) {
    return "models: {ear: {backend: whisper, path: models/ggml-base.bin" + std::string(keys) + "}}\n";
}

}  // namespace

TEST(ConfigWhisper, IsALocalModelThatHears) {
    const auto config =
        valid(ear(", language: es, threads: 3, ttl: 5m, pinned: false, priority: 7, preload: true, "
                  "estimated_ram: 300MB, queue: {length: 4}, timeouts: {load: 9s}"));
    ASSERT_EQ(config.models.size(), 1U);
    const auto& model = config.models[0];
    EXPECT_EQ(model.kind, ModelKind::transcription);
    EXPECT_EQ(name_of(model.kind), "transcription");
    EXPECT_FALSE(model.remote);
    ASSERT_TRUE(model.local);
    EXPECT_EQ(backend_of(*model.local), BackendKind::whisper);
    EXPECT_EQ(model.local->path, "/etc/sarai/models/ggml-base.bin");
    EXPECT_EQ(model.local->language, "es");
    EXPECT_EQ(model.local->threads, 3);
    EXPECT_EQ(model.local->load_timeout, 9s);
    EXPECT_EQ(model.ttl, 5min);
    EXPECT_EQ(model.queue.length, 4);
    EXPECT_EQ(valid(ear()).models[0].local->language, "auto");
    EXPECT_EQ(backend_of(*valid(with_model("")).models[0].local), BackendKind::gguf_native);
}

TEST(ConfigWhisper, KeysThatItDoesNotHaveAreReported) {
    for (const auto* key : {"mmproj: p.gguf", "parallel: 2", "batch: 64", "load_mode: mmap", "kv_cache_type: q8_0",
                            "prompt_cache: 1MiB", "alternatives: [a.bin]", "extra_args: [a]", "sharded: false",
                            "context_length: 448", "kind: embedding", "min_context_length: 1"}) {
        const auto problems = problems_of(ear(std::string(", ") + key));
        const std::string name(key, std::string_view(key).find(':'));
        EXPECT_TRUE(problems.contains("models.ear." + name +
                                      ": would have no effect; expected no such key for backend is "
                                      "whisper, which hears and nothing else"))
            << problems;
    }
    EXPECT_TRUE(problems_of(ear(", keep_alive: 5m")).contains("backend ollama_http or openai_http beside it"));
    EXPECT_TRUE(problems_of(ear(", fallback: gguf_native")).contains("a fallback only behind"));
    EXPECT_TRUE(problems_of(as_model("backend: gguf_native, path: m.gguf, language: es"))
                    .contains("models.m.language: would have no effect; expected backend whisper beside it"));
}

TEST(ConfigWhisper, WhatIsMisspeltOrMissingIsNamed) {
    EXPECT_TRUE(
        problems_of(as_model("backend: whisper")).contains("models.m.path: missing; expected the file of the model"));
    EXPECT_TRUE(problems_of(as_model("backend: wisper, path: m.bin")).contains("did you mean whisper?"));
    EXPECT_TRUE(problems_of(ear(", langauge: es")).contains("did you mean language?"));
    for (const auto* language : {"spanish", "zz", "' es'", "'es fr'"})
        EXPECT_TRUE(
            problems_of(ear(std::string(", language: ") + language)).contains("auto, or the code of a language"))
            << language;
}

TEST(ConfigWhisper, StandsInForNoModelThatChats) {
    const std::string text = R"(
models:
  ear: {backend: whisper, path: e.bin}
  far: {backend: ollama_http, endpoints: [{url: "http://a"}], on_loss: {fallback: ear}}
routing: {hard: ear}
)";
    const auto problems = problems_of(text);
    EXPECT_TRUE(problems.contains("models.far.on_loss.fallback: \"ear\"; expected a model of the same kind"))
        << problems;
    EXPECT_TRUE(problems.contains("routing.hard: \"ear\"")) << problems;
}

}  // namespace sarai::config::whisper_test
