// The weights within the program reach the figures that docs/router.md states, on the development set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <thread>
#include <vector>

#include "router/example.hpp"
#include "router/explain.hpp"
#include "router/metrics.hpp"
#include "router/noise.hpp"
#include "router/shape.hpp"

namespace sarai::router::shipped_test {
namespace {

struct Stated {
    Size size;
    double accuracy, macro_f1;  // measured, less a margin of one prompt in a hundred
};
constexpr Stated router_figures{Size::router, 0.942, 0.942};
constexpr Stated mini_figures{Size::mini, 0.938, 0.938};

class ShippedWeights : public testing::TestWithParam<Stated> {
protected:
    const Classifier& classifier() {
        if (!opened_) opened_ = Classifier::built_in(GetParam().size);
        return **opened_;
    }

private:
    std::optional<Result<Classifier>> opened_;
};
INSTANTIATE_TEST_SUITE_P(Sizes, ShippedWeights, testing::Values(router_figures, mini_figures),
                         [](const auto& one) { return one.param.size == Size::mini ? "Mini" : "Router"; });

TEST_P(ShippedWeights, ReachTheStatedFiguresOnTheDevelopmentSet) {
    const std::vector paths{std::filesystem::path(SARAI_SOURCE_DIR "/data/router/dev.jsonl")};
    const auto examples = load_examples(paths);
    ASSERT_TRUE(examples.has_value()) << examples.error().message;
    std::vector<Answer> answers;
    std::size_t languages = 0;
    for (const auto& example : *examples) {
        const auto scores = classifier().score(example.text);
        answers.push_back(answer_of(example, scores, classifier().familiar_enough()));
        languages += scores.language == example.language ? 1U : 0U;
    }
    const auto found = measure(answers);
    EXPECT_GE(found.accuracy, GetParam().accuracy);
    EXPECT_GE(found.macro_f1, GetParam().macro_f1);
    EXPECT_LE(found.calibration_error, 0.05);
    EXPECT_LE(found.abstained, found.count / 50) << "real prompts are like training";
    EXPECT_GE(languages, examples->size() * 97 / 100);
}

TEST_P(ShippedWeights, FindNoiseUnfamiliar) {
    Random random(11);
    std::size_t taken = 0;
    const auto noise = make_noise(300, random);
    for (const auto& text : noise)
        taken += classifier().score(text).familiar >= classifier().familiar_enough() ? 1U : 0U;
    EXPECT_LE(taken, noise.size() / 20);
    for (const std::string_view text : {"", "   ", "😀😀😀", "12 34 56", "Привет, как дела?", "今日はいい天気ですね",
                                        "\xff\xfe\x01", "sdkjfh qwpoei zmxncb"}) {
        const auto scores = classifier().score(text);
        EXPECT_LT(scores.familiar, classifier().familiar_enough()) << text;
        EXPECT_EQ(scores.language, Language::other) << text;
    }
}

TEST_P(ShippedWeights, AnswerWhateverComes) {
    Random random(12);
    std::string large;
    while (large.size() < (1U << 20U)) large += static_cast<char>(random.below(256));
    auto texts = make_noise(60, random);
    texts.push_back(large);
    texts.emplace_back(1U << 20U, 'a');
    for (const auto& text : texts) {
        const auto scores = classifier().score(text);
        for (const auto label : all_labels) {
            EXPECT_TRUE(std::isfinite(scores.of(label)));
            EXPECT_TRUE(scores.of(label) >= 0 && scores.of(label) <= 1);
        }
        EXPECT_TRUE(scores.familiar >= 0 && scores.familiar <= 1);
    }
}

TEST_P(ShippedWeights, AreSharedByThreads) {
    const auto expected = classifier().score("¿Cómo ordeno una lista en Python?");
    std::atomic<int> different = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int k = 0; k < 50; ++k)
                    if (classifier().score("¿Cómo ordeno una lista en Python?").hard != expected.hard) ++different;
            });
    }
    EXPECT_EQ(different, 0);
}

TEST_P(ShippedWeights, TellCaseAndAccentsNotApart) {
    EXPECT_EQ(classifier().score("QUE TIEMPO HACE EN LEON").web_query,
              classifier().score("qué tiempo hace en León").web_query);
}

TEST_P(ShippedWeights, SayWhichWordsMattered) {
    const std::string prompt = "Thanks a lot, you are sweet. Now explain how a mutex works in C++";
    const auto found = influences(classifier(), prompt, Label::hard);
    ASSERT_FALSE(found.empty());
    for (const auto& one : found) EXPECT_EQ(prompt.substr(one.at, one.text.size()), one.text);
    EXPECT_GE(std::abs(found.front().effect), std::abs(found.back().effect));
    EXPECT_TRUE(influences(classifier(), "", Label::soft).empty());
}

TEST(ShippedSizes, AreWhatTheyAreSaidToBe) {
    EXPECT_NEAR(static_cast<double>(parameter_count(shape_of(Size::router))), 7.1e6, 0.1e6);
    EXPECT_NEAR(static_cast<double>(parameter_count(shape_of(Size::mini))), 3.6e6, 0.1e6);
    const auto router = Classifier::built_in(Size::router);
    const auto mini = Classifier::built_in(Size::mini);
    ASSERT_TRUE(router.has_value() && mini.has_value());
    EXPECT_LT(router->memory() + mini->memory(), MiB(50));
}

}  // namespace
}  // namespace sarai::router::shipped_test
