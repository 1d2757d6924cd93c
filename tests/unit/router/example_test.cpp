#include "router/example.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

#include "router/count.hpp"
#include "router/tokens.hpp"
#include "support/temp_folder.hpp"

namespace sarai::router::example_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(std::string_view line) {
    const auto read = read_examples(std::string("\n") + std::string(line), "my.jsonl");
    return read ? "accepted" : read.error().message;
}

TEST(RouterExamples, ALineIsAPromptWithItsLabels) {
    const auto read = read_examples(R"({"text": "ay\nhola", "label": "soft", "also": ["hard"], "lang": "es"})"
                                    "\n\n"
                                    R"({"text": "x", "label": "web_query", "lang": "en"})",
                                    "f");
    ASSERT_TRUE(read.has_value()) << read.error().message;
    ASSERT_EQ(read->size(), 2U);
    const auto& first = read->front();
    EXPECT_EQ(first.text, "ay\nhola");
    EXPECT_EQ(first.language, Language::es);
    EXPECT_THAT(first.also, ElementsAre(Label::hard));
    EXPECT_TRUE(first.accepts(Label::soft) && first.accepts(Label::hard) && !first.accepts(Label::web_query));
    EXPECT_EQ(read->back().label, Label::web_query);
}

TEST(RouterExamples, WhatIsWrongIsNamedWithItsPlaceFieldValueAndWhatWasExpected) {
    EXPECT_THAT(
        refusal(R"({"text": "a", "label": "easy", "lang": "en"})"),
        AllOf(HasSubstr("my.jsonl:2: label: \"easy\""), HasSubstr("expected \"hard\", \"soft\" or \"web_query\"")));
    EXPECT_THAT(refusal(R"({"text": " ", "label": "hard", "lang": "en"})"), HasSubstr("my.jsonl:2: text: "));
    EXPECT_THAT(refusal(R"({"label": "hard", "lang": "en"})"), HasSubstr("text: missing"));
    EXPECT_THAT(refusal(R"({"text": "a", "label": "hard", "lang": "fr"})"), HasSubstr("lang: \"fr\"; expected"));
    EXPECT_THAT(refusal(R"({"text": "a", "label": "hard", "lang": "en", "also": "soft"})"),
                HasSubstr("also: \"soft\"; expected an array"));
    EXPECT_THAT(refusal(R"({"text": "a", "label": "hard", "lang": "en", "also": ["hard"]})"),
                HasSubstr("also: \"hard\"; expected labels other"));
    EXPECT_THAT(refusal(R"({"text": "a", "label": "hard", "lang": "en", "also": [7]})"),
                HasSubstr("also: 7; expected"));
    EXPECT_THAT(refusal(R"({"text": "a", "label": "hard", "lang": "en", "note": 1})"),
                HasSubstr("note: 1; expected no such field"));
    EXPECT_THAT(refusal(R"(["a"])"), HasSubstr("expected an object"));
    EXPECT_THAT(refusal(R"({"text": )"), AllOf(HasSubstr("my.jsonl:2: "), HasSubstr("incomplete")));
}

TEST(RouterExamples, AFolderStandsForItsFiles) {
    const test::TempFolder folder;
    for (const auto* name : {"b.jsonl", "a.jsonl", "c.txt"})
        std::ofstream(folder.path() / name)
            << R"({"text": ")" << name << R"(", "label": "hard", "lang": "en"})" << "\n";
    const std::vector paths{folder.path()};
    const auto all = load_examples(paths);
    ASSERT_TRUE(all.has_value());
    ASSERT_EQ(all->size(), 2U);
    EXPECT_EQ(all->front().text, "a.jsonl");
    const std::vector missing{folder.path() / "none.jsonl"};
    EXPECT_EQ(load_examples(missing).error().code, Code::not_found);
    std::ofstream(folder.path() / "empty.jsonl");
    const std::vector empty{folder.path() / "empty.jsonl"};
    EXPECT_THAT(load_examples(empty).error().message, HasSubstr("no prompts"));
}

// As the training data's own check compares: words without case, accents and signs.
std::string comparable(const Example& example) {
    std::string text;
    for (const auto& token : tokens_of(example.text))
        if (token.kind != TokenKind::sign && token.kind != TokenKind::line_end)
            text += (token.kind == TokenKind::number ? example.text.substr(token.at, token.size) : token.text) + " ";
    return text.empty() ? example.text : text;
}

TEST(RouterData, TheDevelopmentSetIsDisjointFromWhatIsLearntFrom) {
    const std::vector train{std::filesystem::path(SARAI_SOURCE_DIR "/data/router/train")};
    const std::vector dev{std::filesystem::path(SARAI_SOURCE_DIR "/data/router/dev.jsonl"),
                          std::filesystem::path(SARAI_SOURCE_DIR "/data/router/test.jsonl")};
    const auto learnt = load_examples(train);
    const auto asked = load_examples(dev);
    ASSERT_TRUE(learnt.has_value()) << learnt.error().message;
    ASSERT_TRUE(asked.has_value()) << asked.error().message;
    std::set<std::string> known;
    for (const auto& example : *learnt) known.insert(comparable(example));
    for (const auto& example : *asked) EXPECT_FALSE(known.contains(comparable(example))) << example.text;
}

TEST(RouterVocabulary, HoldsWhatStandsInSeveralTextsTheMostFrequentFirst) {
    std::vector<Counted> counted;
    for (std::uint32_t i = 1; i <= 100; ++i)
        counted.push_back({.hash = i * 64 + 1, .texts = i});  // all want the same row
    const auto made = choose_vocabulary(counted, 100, 64);
    EXPECT_EQ(made.filled, 56);  // of 64 rows one in eight stays empty
    EXPECT_GE(row_of(made.keys, 100 * 64 + 1), 0);
    EXPECT_LT(row_of(made.keys, 1 * 64 + 1), 0) << "stands in one text alone";
    EXPECT_LT(row_of(made.keys, 44 * 64 + 1), 0) << "too seldom for the places there are";
    EXPECT_GE(row_of(made.keys, 45 * 64 + 1), 0);
    const auto rarity = [&](std::uint32_t i) {
        return made.rarity[static_cast<std::size_t>(row_of(made.keys, i * 64 + 1))];
    };
    EXPECT_EQ(rarity(100), 0) << "what stands everywhere says nothing";
    EXPECT_GT(rarity(45), rarity(90));
    EXPECT_GT(made.unseen_rarity, rarity(45));
}

}  // namespace
// Where more features want rows than there are: those that are kept must not lie side by side.
TEST(Vocabulary, SearchesForUnknownFeaturesStayShort) {
    std::mt19937 random(7);
    std::vector<Counted> counted;
    for (int i = 0; i < 40'000; ++i) counted.push_back({.hash = static_cast<std::uint32_t>(random() | 1U), .texts = 2});
    constexpr std::size_t rows = 8192;
    const auto made = choose_vocabulary(counted, 100, rows);
    std::size_t looked = 0;
    constexpr int searches = 10'000;
    for (int i = 0; i < searches; ++i)
        for (auto row = home_of(static_cast<std::uint32_t>(random()), rows); made.keys[row] != 0;
             row = (row + 1) % rows)
            ++looked;
    EXPECT_LT(looked / searches, 60U) << "32 are expected of a table that is full to seven eighths";
}

}  // namespace sarai::router::example_test
