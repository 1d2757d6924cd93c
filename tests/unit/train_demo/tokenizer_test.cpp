#include "tokenizer.hpp"

#include <gmock/gmock.h>

#include "words.hpp"

namespace train_demo::tokenizer_test {
namespace {

using testing::ElementsAre;

TEST(Words, KeepTheBlankBeforeThem) {
    EXPECT_THAT(split_words("What's `make run`?"), ElementsAre("What", "'s", " `", "make", " run", "`?"));
}

TEST(Words, AreSplitBetweenLettersDigitsAndSigns) {
    EXPECT_THAT(split_words("¿qué 8 MB año2?"), ElementsAre("¿", "qué", " 8", " MB", " año", "2", "?"));
}

TEST(Words, LeaveTheLastOfSeveralSpacesToWhatFollows) {
    EXPECT_THAT(split_words("a   b\n\nc "), ElementsAre("a", "  ", " b", "\n", "\n", "c", " "));
}

TEST(Tokenizer, MergesWhatStandsTogetherMostOften) {
    const auto tokenizer = Tokenizer::learn({"abab", "abab", "cd", "cd"}, first_merged + 2);
    // ab stands four times; abab and cd twice each.
    EXPECT_EQ(tokenizer.size(), static_cast<std::size_t>(first_merged + 2));
    EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(first_merged));
    EXPECT_THAT(tokenizer.printable_merges().front(), "a b");
}

TEST(Tokenizer, EndsWhereNothingStandsTwice) {
    EXPECT_EQ(Tokenizer::learn({"xyz"}, 2000).size(), static_cast<std::size_t>(first_merged));
}

TEST(Tokenizer, DecodesWhatItEncoded) {
    const auto tokenizer = Tokenizer::learn({"¿Cómo cargo un modelo?", "¿Cómo arranco sarai?"}, 400);
    for (const auto* text : {"¿Cómo arranco un modelo?", "emoji 🙂 and\ttabs", ""})
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(Tokenizer, CutsOtherwiseWithMergesLeftOut) {
    const auto tokenizer = Tokenizer::learn({"sarai sarai sarai sarai"}, 300);
    sarai::router::Random random(1);
    EXPECT_EQ(tokenizer.encode("sarai", 0, random), tokenizer.encode("sarai"));
    const auto bytes = tokenizer.encode("sarai", 1, random);
    EXPECT_EQ(bytes.size(), 5U);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(" sarai", 0.5F, random)), " sarai");
}

TEST(Tokenizer, WritesBytesAsGpt2Does) {
    const auto tokenizer = Tokenizer::learn({"a a a"}, first_merged + 1);
    const auto tokens = tokenizer.printable_tokens();
    EXPECT_EQ(tokens[first_byte + ' '], "\u0120");
    EXPECT_EQ(tokens[first_byte + 'a'], "a");
    EXPECT_EQ(tokens[first_byte + 0xad], "\u0143");
    EXPECT_EQ(tokens[first_merged], "\u0120a");
}

}  // namespace
}  // namespace train_demo::tokenizer_test
