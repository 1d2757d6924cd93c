#include "remote/answer_tokens.hpp"

#include <gtest/gtest.h>

namespace sarai::remote::answer_tokens_test {
namespace {

using Ids = std::vector<std::vector<std::int64_t>>;

TEST(AnswerTokens, AreThoseOfThePieces) {
    EXPECT_EQ(by_piece({{1, "The"}, {2, " sea"}, {3, "."}}, {"The", " sea", "."}, ""), (Ids{{1}, {2}, {3}}));
    EXPECT_EQ(by_piece({}, {}, ""), Ids{});
}

TEST(AnswerTokens, AreSeveralWhereTheyShareACodePoint) {
    EXPECT_EQ(by_piece({{1, "a"}, {2, "\xc3"}, {3, "\xa9"}, {4, "b"}}, {"a", "é", "b"}, ""), (Ids{{1}, {2, 3}, {4}}));
}

TEST(AnswerTokens, AreWithoutWhatWasPutBeforeEachPiece) {
    const std::vector<Token> tokens{{9, " "}, {8, "\n"}, {1, "The"}, {7, " \n"}, {2, " sea"}};
    EXPECT_EQ(by_piece(tokens, {"The", " sea"}, " \n"), (Ids{{1}, {2}}));
    EXPECT_EQ(by_piece({{9, " "}, {8, "\nThe"}}, {"The"}, " \n"), std::nullopt) << "it merged with what follows";
}

TEST(AnswerTokens, AreNotToldWhereTheTokensSpellSomethingElse) {
    EXPECT_EQ(by_piece({{1, " The"}}, {"The"}, ""), std::nullopt);
    EXPECT_EQ(by_piece({{1, "The"}}, {"The", " sea"}, ""), std::nullopt);
    EXPECT_EQ(by_piece({{1, "The"}, {2, " sea"}}, {"The"}, ""), std::nullopt);
    EXPECT_EQ(by_piece({{1, "Th"}, {2, "e s"}, {3, "ea"}}, {"The", " sea"}, ""), std::nullopt);
}

}  // namespace
}  // namespace sarai::remote::answer_tokens_test
