#include "memory/gguf_head.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace sarai::memory::gguf_head_test {
namespace {

std::string number(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 255);
    return text;
}

std::string text(const std::string& value) { return number(value.size(), 8) + value; }
std::string key(const std::string& name, const std::string& value) { return text(name) + number(8, 4) + text(value); }
std::string head() { return "GGUF" + number(3, 4) + number(10, 8) + number(20, 8); }

TEST(GgufHead, NamesTheArchitecture) {
    EXPECT_EQ(architecture_in(head() + key("general.architecture", "gemma-embedding") + "more"), "gemma-embedding");
    EXPECT_EQ(architecture_in(head() + key("general.name", "x") + key("general.architecture", "llama")), "llama");
}

TEST(GgufHead, SaysNothingOfWhatItCannotRead) {
    const auto whole = head() + key("general.architecture", "llama");
    for (std::size_t cut = 0; cut < whole.size(); ++cut) EXPECT_FALSE(architecture_in(whole.substr(0, cut))) << cut;
    EXPECT_FALSE(architecture_in("GGML" + whole.substr(4)));
    EXPECT_FALSE(architecture_in(head() + number(~0ULL, 8) + "general.architecture"));
    EXPECT_FALSE(architecture_in(head() + text("a.number") + number(4, 4) + number(7, 4) + whole.substr(24)));
}

}  // namespace
}  // namespace sarai::memory::gguf_head_test
