#include "config/reload.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"

namespace sarai::config::reload_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Config read(std::string_view text) {
    auto config = load_text(text, "/etc/sarai", {});
    EXPECT_TRUE(config) << (config ? "" : to_string(config.error().front()));
    return config.value_or(Config{});
}

constexpr auto two = R"(
models:
  lfm2: {backend: gguf_native, path: /m/l.gguf}
  solar: {backend: ollama_http, endpoints: [{url: "http://box:11434"}], on_loss: {fallback: lfm2}}
)";

TEST(Reload, AModelThatDidNotChangeIsTheSameObject) {
    auto live = read(two);
    const auto* before = &live.models[0];
    const auto result = reload(live, read(two));
    EXPECT_THAT(result.kept, ElementsAre("lfm2", "solar"));
    EXPECT_THAT(result.changed, IsEmpty());
    EXPECT_EQ(live.models.size(), 2U);
    EXPECT_EQ(before, live.find("lfm2"));
}

TEST(Reload, TheLastKeyOfAServerThatTheNetworkReachesStaysUntilARestart) {
    const auto with = [](std::string_view server, std::string_view access) {
        return read(fmt::format("server: {{{}}}\naccess: {{{}}}\n{}", server, access, two));
    };
    constexpr auto key = "keys: {ann: {sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}}";
    auto live = with("listen: 0.0.0.0:11435", key);
    auto result = reload(live, with("listen: 127.0.0.1:11435", "cors_origins: [https://chat.example]"));
    EXPECT_THAT(result.needs_restart, ElementsAre("server.listen", "access"));
    EXPECT_EQ(live.access.keys.size(), 1U);
    EXPECT_THAT(live.access.cors_origins, IsEmpty());
    result = reload(live, with("listen: 0.0.0.0:11435, insecure: true", ""));
    EXPECT_EQ(live.access.keys.size(), 1U) << "who is welcome without a key, a restart decides as well";

    for (const auto* reached : {"listen: 127.0.0.1:11435", "listen: 0.0.0.0:11435, insecure: true"}) {
        live = with(reached, key);
        EXPECT_THAT(reload(live, with(reached, "")).settings, ElementsAre("access")) << reached;
        EXPECT_THAT(live.access.keys, IsEmpty());
    }
}

TEST(Reload, WhatWasThereBeforeInTheSameFormComesBack) {
    constexpr auto one = "models:\n  lfm2: {backend: gguf_native, path: /m/l.gguf}\n";
    constexpr auto other = "models:\n  lfm2: {backend: gguf_native, path: /m/l.gguf, context_length: 300}\n";
    auto live = read(one);
    for (int i = 0; i < 10; ++i) {
        EXPECT_THAT(reload(live, read(other)).changed, ElementsAre("lfm2"));
        EXPECT_EQ(live.find("lfm2")->local->context_length, 300);
        EXPECT_THAT(reload(live, read(one)).changed, ElementsAre("lfm2"));
        EXPECT_NE(live.find("lfm2")->local->context_length, 300);
    }
    EXPECT_EQ(live.models.size(), 2U);
}

TEST(Reload, AChangedModelRetiresWhereItIsAndIsThereAgainAtTheEnd) {
    auto live = read(two);
    const auto* old = &live.models[0];
    const auto result = reload(live, read(R"(
models:
  lfm2: {backend: gguf_native, path: /m/l.gguf, context_length: 4096}
  solar: {backend: ollama_http, endpoints: [{url: "http://box:11434"}], on_loss: {fallback: lfm2}}
)"));
    EXPECT_THAT(result.changed, ElementsAre("lfm2"));
    EXPECT_THAT(result.kept, ElementsAre("solar"));
    ASSERT_EQ(live.models.size(), 3U);
    EXPECT_EQ(&live.models[0], old) << "references stay valid";
    EXPECT_TRUE(old->retired);
    EXPECT_EQ(old->local->context_length, 2048);
    EXPECT_EQ(live.find("lfm2"), &live.models[2]);
    EXPECT_EQ(live.models[2].local->context_length, 4096);
}

TEST(Reload, ModelsComeAndGoAndComeBack) {
    auto live = read(two);
    auto result = reload(
        live,
        read(
            R"(models: {lfm2: {backend: gguf_native, path: /m/l.gguf}, tiny: {backend: gguf_native, path: /m/t.gguf}})"));
    EXPECT_THAT(result.removed, ElementsAre("solar"));
    EXPECT_THAT(result.added, ElementsAre("tiny"));
    EXPECT_EQ(live.find("solar"), nullptr);
    result = reload(live, read(two));
    EXPECT_THAT(result.added, ElementsAre("solar"));
    EXPECT_THAT(result.removed, ElementsAre("tiny"));
    EXPECT_EQ(live.find("solar"), &live.models[1]) << "in the same form it is the same one";
}

TEST(Reload, SaysWhichSettingsHoldAndWhichNeedARestart) {
    auto live = read(std::string("server: {listen: '127.0.0.1:1'}\nmemory: {max_ram: 4GiB}\n") + two);
    const auto result = reload(live, read(std::string("server: {listen: '127.0.0.1:2', heartbeat: 3s}\n"
                                                      "memory: {max_ram: 5GiB, policy: lru}\n"
                                                      "engine: {server_binary: /opt/llama-server}\n") +
                                          two));
    EXPECT_THAT(result.settings, ElementsAre("server.heartbeat", "memory.max_ram", "memory.policy"));
    EXPECT_THAT(result.needs_restart, ElementsAre("server.listen", "engine"));
    EXPECT_EQ(live.memory.max_ram, GiB(5));
    EXPECT_EQ(live.server.port, 1);
    EXPECT_EQ(live.engine.server_binary, "llama-server");
    EXPECT_EQ(live.server.heartbeat, std::chrono::seconds(3));
}

}  // namespace
}  // namespace sarai::config::reload_test
