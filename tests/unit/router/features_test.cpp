#include "router/features.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "router/noise.hpp"
#include "router/random.hpp"
#include "router/tokens.hpp"

namespace sarai::router::features_test {
namespace {

using testing::Contains;
using testing::ElementsAre;

std::vector<std::string> texts_of(std::string_view prompt) {
    std::vector<std::string> texts;
    for (const auto& token : tokens_of(prompt)) texts.push_back(token.text);
    return texts;
}

std::vector<Feature> sorted(std::string_view prompt) {
    auto features = features_of(prompt);
    std::ranges::sort(features);
    return features;
}

TEST(RouterTokens, WordsLoseCaseAccentsAndApostrophesButKeepTheirEnye) {
    EXPECT_THAT(texts_of("Qué AÑO don’t don't Über"), ElementsAre("que", "a\u00f1o", "dont", "dont", "uber"));
    EXPECT_EQ(texts_of("man\u0303ana jose\u0301"), texts_of("mañana josé"));
}

TEST(RouterTokens, NumbersAreToldByWhatTheyAre) {
    EXPECT_THAT(texts_of("3 1492 2026 18:30 3.14 v2.1 123456789"),
                ElementsAre("<n1>", "<past>", "<recent>", "<time>", "<fraction>", "v2", "<version>", "<n5>"));
}

TEST(RouterTokens, AddressesPathsAndIdentifiersAreRecognisedWhole) {
    EXPECT_THAT(texts_of("https://example.org/a?b=c me@example.org ./run.sh /usr/lib C:\\tmp"),
                ElementsAre("<url>", "<mail>", "<path>", "<path>", "<path>"));
    EXPECT_THAT(texts_of("max_retries getValue() main.cpp"),
                ElementsAre("<id>", "max", "retries", "<id>", "getvalue", "()", "<file>", "main", "cpp"));
    EXPECT_THAT(texts_of("and/or"), ElementsAre("and", "/", "or"));
}

TEST(RouterTokens, SignsLinesEmojiAndOtherScriptsAreTokens) {
    EXPECT_THAT(texts_of("¿a?\n\nb ❤️ привет"), ElementsAre("\u00bf", "a", "?", "<paragraph>", "b", "\u2764", "привет"));
    EXPECT_THAT(texts_of("x->y == z..."), ElementsAre("x", "->", "y", "==", "z", "..."));
}

TEST(RouterTokens, PlacesInTheSourceCoverWhatTheyStandFor) {
    const std::string prompt = "Añade: snake_case, https://x.org y 3.5 €";
    for (const auto& token : tokens_of(prompt)) {
        ASSERT_LE(token.at + token.size, prompt.size());
        EXPECT_GT(token.size, 0U);
    }
    EXPECT_EQ(prompt.substr(tokens_of(prompt)[0].at, tokens_of(prompt)[0].size), "Añade");
}

TEST(RouterFeatures, CaseAndAccentsMakeNoDifference) {
    EXPECT_EQ(sorted("QUE HORA ES EN BOGOTA"), sorted("qué hora es en Bogotá"));
    EXPECT_NE(sorted("cuantos anos tienes"), sorted("cuántos años tienes"));
}

TEST(RouterFeatures, OrderMakesADifference) { EXPECT_NE(sorted("dog bites man"), sorted("man bites dog")); }

TEST(RouterFeatures, EveryTextHasFeaturesUnlessItIsEmpty) {
    EXPECT_TRUE(features_of("").empty());
    EXPECT_TRUE(features_of(" \t ").empty());
    for (const std::string_view text : {"k", "?", "😀😀", "你好", "\xff\xfe", "\n"})
        EXPECT_FALSE(features_of(text).empty()) << text;
}

TEST(RouterFeatures, OnlyWordsCountForFamiliarity) {
    EXPECT_FALSE(std::ranges::any_of(features_of("😀 42 https://x.org ?!"), &Feature::lexical));
    EXPECT_TRUE(std::ranges::any_of(features_of("hola"), &Feature::lexical));
}

TEST(RouterFeatures, AMegabyteCostsNoMoreThanItsEnds) {
    std::string text = "Beginning. ";
    while (text.size() < (1U << 20U)) text += "ñandú λόγος 漢字 {code};\n";
    text += " The end?";
    const auto features = features_of(text);
    EXPECT_LT(features.size(), 40'000U);
    auto other = text;
    std::fill(other.begin() + 10'000, other.end() - 10'000, 'x');
    EXPECT_EQ(sorted(text), sorted(other)) << "the middle counts for nothing";
    std::string word(1U << 20U, 'a');
    EXPECT_LT(features_of(word).size(), 2'000U);
}

TEST(RouterFeatures, LongTextsAreCutBetweenCharacters) {
    std::string text;
    while (text.size() < 20'000) text += "漢字";
    for (int shift = 0; shift < 4; ++shift, text.insert(0, "x")) {
        for (const auto& token : tokens_of(leading_part(text))) EXPECT_FALSE(token.text.contains("\u00ef\u00bf\u00bd"));
        EXPECT_EQ(static_cast<unsigned char>(trailing_part(text).front()) & 0xc0U, 0xc0U);
    }
}

TEST(RouterFeatures, NoiseIsNoTrouble) {
    Random random(3);
    for (const auto& text : make_noise(300, random)) EXPECT_LT(features_of(text).size(), 10'000U);
}

}  // namespace
}  // namespace sarai::router::features_test
