#include "web/question.hpp"

#include <gtest/gtest.h>

namespace sarai::web::question_test {

TEST(Tidy, MakesOneLine) {
    EXPECT_EQ(tidy("  what\n is\t this  "), "what is this");
    EXPECT_EQ(tidy(" \n"), "");
}

TEST(Tidy, CutsLongQuestionsBetweenCharacters) {
    std::string long_one(399, 'a');
    long_one += "ñandú";
    EXPECT_EQ(tidy(long_one), std::string(399, 'a'));
    EXPECT_EQ(tidy("x" + long_one), "x" + std::string(399, 'a'));
}

TEST(CacheKey, IsTheSameHoweverItIsSpacedAndCapitalised) {
    EXPECT_EQ(cache_key("Who  is Ada?"), cache_key(" who is ada? "));
    EXPECT_NE(cache_key("who is Ada?"), cache_key("who is Ida?"));
}

TEST(IsAboutNow, HearsBothLanguages) {
    for (const auto* question : {"What is the weather in Bilbao?", "latest kernel", "Noticias de hoy",
                                 "¿Último resultado?", "precio del cobre", "budget law 2026"})
        EXPECT_TRUE(is_about_now(question, 2026)) << question;
    for (const auto* question : {"Who wrote Don Quijote?", "budget law 2019", "knowledge", "¿Quién fue Ada Lovelace?"})
        EXPECT_FALSE(is_about_now(question, 2026)) << question;
}

}  // namespace sarai::web::question_test
