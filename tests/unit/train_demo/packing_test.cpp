#include "packing.hpp"

#include <gmock/gmock.h>

#include "augment.hpp"
#include "turns.hpp"

namespace train_demo::packing_test {
namespace {

using testing::ElementsAre;

TEST(Packing, PutsTheTargetBeforeItsToken) {
    const std::vector<Turn> turns{{.tokens = {1, 40, 2, 50, 0}, .weights = {0, 0, 0, 1, 1}}};
    Rows rows(1, 6, 9);
    EXPECT_EQ(pack(turns, rows), 1U);
    EXPECT_THAT(rows.tokens, ElementsAre(1, 40, 2, 50, 0, 9));
    EXPECT_THAT(rows.targets, ElementsAre(0, 0, 50, 0, 0, 0));
    EXPECT_THAT(rows.weights, ElementsAre(0, 0, 1, 1, 0, 0));
    EXPECT_EQ(rows.weight(), 2);
}

TEST(Packing, HidesTurnsFromEachOther) {
    const std::vector<Turn> turns{{.tokens = {1, 5}, .weights = {0, 1}},
                                  {.tokens = {1, 6}, .weights = {0, 1}},
                                  {.tokens = {1, 7}, .weights = {0, 1}}};
    Rows rows(1, 8, 9);
    EXPECT_EQ(pack(turns, rows), 3U);
    EXPECT_THAT(rows.begins, ElementsAre(0, 0, 2, 2, 4, 4, 6, 7));
}

TEST(Packing, BeginsARowWhereATurnDoesNotFit) {
    const std::vector<Turn> turns{{.tokens = {1, 5, 5}, .weights = {0, 1, 1}},
                                  {.tokens = {1, 6}, .weights = {0, 1}},
                                  {.tokens = {1, 7, 7, 7, 7}, .weights = {0, 1, 1, 1, 1}},
                                  {.tokens = {1, 8}, .weights = {0, 1}}};
    Rows rows(3, 4, 9);
    EXPECT_EQ(pack(turns, rows), 3U);
    EXPECT_THAT(rows.tokens, ElementsAre(1, 5, 5, 9, 1, 6, 9, 9, 1, 7, 7, 7));
    EXPECT_THAT(rows.begins, ElementsAre(0, 0, 0, 3, 0, 0, 2, 3, 0, 0, 0, 0));
}

TEST(Turns, CountOnlyTheAnswer) {
    const Corpus corpus{.topics = {{.id = "a", .answers = {"Yes.", "Sí."}}}, .questions = {{.text = "Really?"}}};
    const auto tokenizer = Tokenizer::learn({"Really?", "Yes."}, 300, {"<|topic:a|>"});
    const auto turn = Turns(corpus, {}, tokenizer, 1).plain(corpus.questions[0]);
    const auto asked = tokenizer.encode("Really?").size();
    ASSERT_EQ(turn.tokens.size(), turn.weights.size());
    EXPECT_EQ(turn.tokens.front(), user_token);
    EXPECT_EQ(turn.tokens[asked + 1], assistant_token);
    EXPECT_EQ(turn.tokens[asked + 2], tokenizer.control(0));
    EXPECT_EQ(turn.tokens.back(), end_token);
    for (std::size_t i = 0; i < turn.tokens.size(); ++i) EXPECT_EQ(turn.weights[i] > 0, i > asked + 1) << i;
}

TEST(Variants, KeepWhatIsAsked) {
    sarai::router::Random random(1);
    EXPECT_EQ(without_signs("¿Qué es sarai?"), "Qué es sarai");
    EXPECT_EQ(without_signs("?"), "?");
    EXPECT_EQ(without_accents("¿Qué año, avión?"), "¿Que año, avion?");
    EXPECT_EQ(without_words("one two", random), "one two");
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(without_words("one two three four", random).contains(' '));
    EXPECT_EQ(reordered("one two", random).size(), 7U);
    EXPECT_NE(with_slip("configuration", random), "");
    EXPECT_EQ(with_slip("a b", random), "a b");
}

TEST(Variants, AreTheSameForTheSameSeed) {
    sarai::router::Random one(7), other(7);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(vary("¿Cómo arranco sarai?", Language::es, one), vary("¿Cómo arranco sarai?", Language::es, other));
}

}  // namespace
}  // namespace train_demo::packing_test
