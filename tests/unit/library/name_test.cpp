#include "library/name.hpp"

#include <gtest/gtest.h>

namespace sarai::library::name_test {
namespace {

std::string text(std::string_view name) {
    const auto parsed = Name::parse(name);
    return parsed ? parsed->text() : "invalid";
}

}  // namespace

TEST(Name, ImpliesWhatOllamaImplies) {
    EXPECT_EQ(text("tiny-solar"), "tiny-solar:latest");
    EXPECT_EQ(text("library/tiny"), "tiny:latest");
    EXPECT_EQ(text("registry.ollama.ai/library/tiny:8b"), "tiny:8b");
    EXPECT_EQ(text("me/tiny:8b-q4_K_M"), "me/tiny:8b-q4_K_M");
    EXPECT_EQ(text("hf.co/org/Repo.GGUF:Q4_K_M"), "hf.co/org/Repo.GGUF:Q4_K_M");
    EXPECT_EQ(text("lan-box:5000/me/tiny"), "lan-box:5000/me/tiny:latest");
    EXPECT_EQ(text("https://hf.co/org/repo"), "hf.co/org/repo:latest");
    EXPECT_EQ(Name::parse("HF.co/Org/Repo")->key(), Name::parse("hf.co/org/repo:LATEST")->key());
}

TEST(Name, RefusesWhatIsNone) {
    for (const char* bad : {"", "bad name!!", ":tag", "a:", "a//b", "/a", "a/", "a/b/c/d", "../../etc/passwd", "..",
                            ".hidden", "-a", "a:b:c", "a.b/c", "unix:/x", "a\nb", "ä"})
        EXPECT_EQ(text(bad), "invalid") << bad;
    EXPECT_EQ(text(std::string(81, 'a')), "invalid");
    EXPECT_EQ(Name::parse("bad name!!").error().message, "invalid model name");
    EXPECT_EQ(Name::parse("bad name!!").error().field, "model");
}

TEST(Digest, IsReadInBothSpellings) {
    const std::string hex(64, 'a');
    EXPECT_EQ(parse_digest("sha256:" + hex).value(), "sha256:" + hex);
    EXPECT_EQ(parse_digest("sha256-" + std::string(64, 'A')).value(), "sha256:" + hex);
    for (const auto& bad : {std::string(), hex, "sha256:" + hex + "a", "sha256:../" + hex.substr(3), "md5:" + hex})
        EXPECT_EQ(parse_digest(bad).error().message, "invalid digest format") << bad;
}

}  // namespace sarai::library::name_test
