#include "knowledge/fusion.hpp"

#include <gtest/gtest.h>

#include "knowledge/search.hpp"
#include "knowledge/words.hpp"

namespace sarai::knowledge::fusion_test {
namespace {

TEST(Fusion, AddsReciprocalRanks) {
    const std::vector<Hit> words{{1, 9.5}, {2, 3}}, vectors{{2, 0.9}, {3, 0.8}};
    const auto fused = fuse(words, vectors);
    ASSERT_EQ(fused.size(), 3);
    EXPECT_EQ(fused[0].chunk, 2);
    EXPECT_DOUBLE_EQ(fused[0].score, 1.0 / 62 + 1.0 / 61);
    EXPECT_EQ(fused[0].words, (Part{2, 3}));
    EXPECT_EQ(fused[0].vectors, (Part{1, 0.9}));
    EXPECT_EQ(fused[1].chunk, 1);
    EXPECT_EQ(fused[1].vectors, std::nullopt);
    EXPECT_DOUBLE_EQ(fused[2].score, 1.0 / 62);
}

TEST(Fusion, EqualScoresKeepAnOrderAndWeightsCount) {
    const std::vector<Hit> words{{7, 1}}, vectors{{3, 1}};
    EXPECT_EQ(fuse(words, vectors)[0].chunk, 3);
    EXPECT_EQ(fuse(words, vectors, {.words = 2})[0].chunk, 7);
    EXPECT_EQ(fuse(words, vectors, {.most = 1}).size(), 1);
    EXPECT_TRUE(fuse({}, {}).empty());
}

TEST(Fusion, CitesLinesAndPages) {
    EXPECT_EQ(cite("a.md", false, 3, 9), "a.md:3-9");
    EXPECT_EQ(cite("a.md", false, 3, 3), "a.md:3");
    EXPECT_EQ(cite("b.pdf", true, 2, 2), "b.pdf p. 2");
    EXPECT_EQ(cite("b.pdf", true, 2, 3), "b.pdf pp. 2-3");
}

TEST(Fusion, QuotesWholePassagesWithNumbers) {
    const auto result = [](std::string text) {
        return SearchResult{.passage = {.path = "a", .chunk = {.text = std::move(text), .heading = "H"}},
                            .rank = {},
                            .citation = "a:1"};
    };
    const std::vector<SearchResult> results{result("one"), result("two"), result("three")};
    EXPECT_EQ(quote(results, 33), "[1] a:1 (H)\none\n\n[2] a:1 (H)\ntwo\n");
    EXPECT_EQ(quote(results, 0), "[1] a:1 (H)\none\n");
}

TEST(Words, OfAQuestionAreNoSyntax) {
    EXPECT_EQ(words_of("¿Qué \"es\" NEAR(a*, b) OR col:x^2 — qué — es?"),
              (std::vector<std::string>{"Qué", "es", "NEAR", "a", "b", "OR", "col", "x", "2", "qué"}));
    EXPECT_EQ(quoted({"a", "b"}, " OR "), "\"a\" OR \"b\"");
    EXPECT_TRUE(words_of("\xff\xfe \"'*").empty());
    std::string many;
    for (int i = 0; i < 100; ++i) many += "w" + std::to_string(i) + " ";
    EXPECT_EQ(words_of(many).size(), 32);
    EXPECT_EQ(words_of(std::string(1000, 'x'))[0].size(), 64);
    EXPECT_EQ(only_words("src/a.cpp: ¡olé!"), "src a cpp olé ");
}

}  // namespace
}  // namespace sarai::knowledge::fusion_test
