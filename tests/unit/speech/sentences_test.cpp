#include "speech/sentences.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/utf8.hpp"

namespace sarai::speech::sentences_test {
namespace {

using testing::ElementsAre;

// Without blanks, of which the pieces have fewer.
std::string letters(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c < '\0' || c > ' ') out += c;
    return out;
}

TEST(Sentences, EndWhereTheirMarksDo) {
    EXPECT_THAT(split_sentences("The first sentence is long enough to stand alone. \"Is the second one as well, I ask "
                                "you now?\" And here is the rest"),
                ElementsAre("The first sentence is long enough to stand alone.",
                            "\"Is the second one as well, I ask you now?\"", "And here is the rest"));
}

TEST(Sentences, OfAFewWordsGoWithTheNext) {
    EXPECT_THAT(split_sentences("Sí. No. El Sr. López no viene hasta el 3.5 de mayo, dicen. Fin."),
                ElementsAre("Sí. No. El Sr. López no viene hasta el 3.5 de mayo, dicen.", "Fin."));
}

TEST(Sentences, EndWithTheirLines) {
    EXPECT_THAT(split_sentences("\n\nA title\r\nA line\n\n \t\n"), ElementsAre("A title", "A line"));
    EXPECT_THAT(split_sentences(" \n\t"), ElementsAre());
}

TEST(Sentences, ThatGoOnForEverAreCutBetweenWords) {
    std::string words;
    for (int i = 0; i < 500; ++i) words += "palabra ";
    const auto pieces = split_sentences(words);
    EXPECT_GT(pieces.size(), 9U);
    for (const auto& piece : pieces) {
        EXPECT_LE(piece.size(), 400U);
        EXPECT_TRUE(piece.starts_with("palabra") && piece.ends_with("palabra")) << piece;
    }
    std::string one_word;
    for (int i = 0; i < 1000; ++i) one_word += "ñ";
    for (const auto& piece : split_sentences(one_word)) EXPECT_EQ(valid_utf8(piece), piece);
}

TEST(Sentences, LoseNothingAndHaveNoControls) {
    for (const std::string text : {"a\x01"
                                   "b\x7f. c",
                                   "[[phonemes]] [[[", "niño\n¿qué? …", "x"}) {
        std::string all;
        for (const auto& piece : split_sentences(text)) {
            EXPECT_FALSE(piece.empty());
            EXPECT_FALSE(piece.contains("[[")) << piece;
            EXPECT_EQ(piece.find_first_of("\n\r\t\x01\x7f"), std::string::npos);
            all += piece;
        }
        auto expected = letters(text);
        std::erase(expected, '\x7f');
        EXPECT_EQ(letters(all), expected);
    }
}

}  // namespace
}  // namespace sarai::speech::sentences_test
