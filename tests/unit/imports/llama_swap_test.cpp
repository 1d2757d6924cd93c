#include "imports/llama_swap.hpp"

#include "base/sha256.hpp"
#include "config/file.hpp"
#include "support.hpp"

namespace sarai::imports::llama_swap_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Imported import_text(std::string_view text, const Files& files = {}) {
    const config::Environment environment{
        {{"HOME", "/home/ann"}, {"SWAP_KEY", "sk-second"}, {"CLOUD_KEY", "sk-cloud"}}};
    const auto tree = config::parse_yaml(text);
    EXPECT_TRUE(tree);
    return import_llama_swap(tree.value_or(config::Node{}), "/here", environment, files.facts());
}

Imported published() {
    return import_text(config::read_text(std::filesystem::path(SARAI_TEST_DATA) / "import/llama-swap.yaml").value());
}

}  // namespace

TEST(LlamaSwap, ModelsOfLlamaServerRunHere) {
    const auto got = published();
    const auto* big = got.config.find("big");
    ASSERT_NE(big, nullptr);
    EXPECT_EQ(big->local->path, "/here/files/big.gguf");
    EXPECT_EQ(big->local->context_length, 16384);  // the model's macro is stronger
    EXPECT_THAT(big->local->extra_args, ElementsAre("--temperature", "0.7", "-fa", "on"));
    EXPECT_EQ(big->ttl, std::chrono::seconds(60));
    EXPECT_EQ(big->local->load_timeout, std::chrono::seconds(500));
    const auto* embedder = got.config.find("embedder");
    ASSERT_NE(embedder, nullptr);
    EXPECT_EQ(embedder->local->path, "/home/ann/models/embed file.gguf");
    EXPECT_EQ(embedder->kind, config::ModelKind::embedding);
    EXPECT_TRUE(embedder->preload);
    EXPECT_TRUE(embedder->pinned);  // of a persistent group
    EXPECT_EQ(got.config.memory.policy, "lru");
}

TEST(LlamaSwap, OtherCommandsAreAskedAtTheirAddress) {
    const auto got = published();
    const auto* container = got.config.find("in-a-container");
    ASSERT_NE(container, nullptr);
    // The fourth that uses a port, by name: big, embedder, hidden, in a container.
    EXPECT_EQ(container->remote->endpoints.front().url, "http://127.0.0.1:10004/v1");
    EXPECT_EQ(container->remote->model, "in a container");
    EXPECT_THAT(loss_at(got, "models.in a container.cmd").instead, HasSubstr("http://127.0.0.1:10004"));
    EXPECT_EQ(got.config.find("model_a")->remote->endpoints.front().url, "http://192.168.1.23/v1");
    const auto& cloud = *got.config.find("org/model-8b")->remote;
    EXPECT_EQ(cloud.endpoints.front().url, "https://models.example/api/v1");
    EXPECT_EQ(cloud.budgets.connect, std::chrono::seconds(30));
    EXPECT_EQ(cloud.budgets.first_token, std::chrono::seconds(60));
}

TEST(LlamaSwap, NamesEachThingOfThePublishedExampleThatHasNoEquivalent) {
    std::vector<std::string> keys;
    for (const auto& loss : published().losses) {
        keys.push_back(loss.key);
        EXPECT_NE(loss.why, "") << loss.key;
        for (const auto* secret : {"sk-first", "sk-second", "sk-cloud"})
            EXPECT_THAT(loss.value + loss.why + loss.instead, testing::Not(HasSubstr(secret)));
    }
    EXPECT_THAT(keys, testing::UnorderedElementsAre(
                          "logLevel", "logToStdout", "metricsMaxInMemory", "captureBuffer", "sendLoadingState",
                          "matrix", "apiKeys[2]", "models.big.cmd -ngl", "models.big.cmd", "models.big.name",
                          "models.big.description", "models.big.env", "models.big.checkEndpoint", "models.big.filters",
                          "models.big.aliases", "models.big.metadata", "models.big.timeouts", "models.hidden.unlisted",
                          "models.in a container", "models.in a container.cmd", "models.in a container.cmdStop",
                          "groups.pair.swap", "groups.pair.exclusive", "groups.pair.members",
                          "hooks.on_startup.preload", "peers.cloud.apiKey", "peers.cloud.timeouts.keepalive",
                          "peers.cloud.timeouts.tlsHandshake", "peers.cloud.timeouts.idleConn", "peers.cloud.filters"));
}

TEST(LlamaSwap, KeepsOfKeysNothingButHashes) {
    const auto got = published();
    ASSERT_EQ(got.config.access.keys.size(), 2U);
    EXPECT_EQ(got.config.access.keys[0].sha256, sha256_hex("sk-first"));
    EXPECT_EQ(got.config.access.keys[1].sha256, sha256_hex("sk-second"));
    EXPECT_FALSE(got.config.access.keys[0].admin);
}

TEST(LlamaSwap, AContextThatWasNotAskedForIsTheModelsOwn) {
    Files files;
    files.known["m.gguf"] = {.architecture = "llama", .context_length = 131072};
    const auto got =
        import_text("models: {a: {cmd: 'llama-server -m m.gguf'}, b: {cmd: 'llama-server -m no.gguf'}}", files);
    EXPECT_EQ(got.config.find("a")->local->context_length, 131072);
    EXPECT_EQ(got.config.find("a")->local->min_context_length, 4096);
    EXPECT_EQ(got.config.find("b")->local->context_length, 4096);
    EXPECT_THAT(got.losses, IsEmpty());
}

TEST(LlamaSwap, TheGlobalTtlHoldsWhereAModelHasNone) {
    const auto got =
        import_text("globalTTL: 300\nmodels: {a: {cmd: llama-server -m m}, b: {cmd: llama-server -m m, ttl: 0}}");
    EXPECT_EQ(got.config.find("a")->ttl, std::chrono::seconds(300));
    EXPECT_EQ(got.config.find("b")->ttl.count(), 0);
}

TEST(LlamaSwap, WhatIsOfTheWrongTypeIsNamed) {
    const auto got = import_text("globalTTL: soon\nmodels: {a: {cmd: llama-server -m m, ttl: [1], tlt: 3}}");
    EXPECT_EQ(keys_of(got), "globalTTL\nmodels.a.ttl\nmodels.a.tlt\n");
}

TEST(LlamaSwap, WhatCannotBeReachedIsLeftOut) {
    const auto got = import_text(
        "models: {a: {cmd: vllm serve x}, b: {cmd: '${nothing}'}, c: {cmd: ''}, d: {cmd: llama-server -hf org/repo},"
        " e: 3}");
    EXPECT_THAT(got.config.models, IsEmpty());
    for (const auto* key : {"models.a.cmd", "models.b.cmd", "models.c.cmd", "models.d.cmd", "models.e.cmd"})
        EXPECT_NE(loss_at(got, key).why, "") << key;
}

TEST(LlamaSwap, MacrosThatDoubleThemselvesFillNoMemory) {
    std::string text = "macros:\n  m0: xxxxxxxxxx\n";
    for (int i = 1; i < 40; ++i)
        text += "  m" + std::to_string(i) + ": ${m" + std::to_string(i - 1) + "}${m" + std::to_string(i - 1) + "}\n";
    text += "  self: ${self} ${self}\nmodels: {a: {cmd: \"llama-server -m ${m39}\"}, b: {cmd: \"${self}\"}}\n";
    EXPECT_LE(import_text(text).config.models.size(), 2U);
}

}  // namespace sarai::imports::llama_swap_test
