#include "router/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "router/calibrate.hpp"
#include "router/random.hpp"

namespace sarai::router::metrics_test {
namespace {

TEST(RouterMetrics, OfAKnownMatrix) {
    // expected \ given   hard soft web
    //   hard                3    1   0
    //   soft                0    4   0
    //   web                 1    0   1
    std::vector<Answer> answers;
    const auto add = [&](Label expected, Label given, int times, bool acceptable) {
        for (int i = 0; i < times; ++i)
            answers.push_back({.expected = expected, .given = given, .confidence = 0.8, .acceptable = acceptable});
    };
    add(Label::hard, Label::hard, 3, true);
    add(Label::hard, Label::soft, 1, true);  // a further label
    add(Label::soft, Label::soft, 4, true);
    add(Label::web_query, Label::hard, 1, false);
    add(Label::web_query, Label::web_query, 1, true);
    answers.back().abstained = true;
    const auto found = measure(answers);
    EXPECT_EQ(found.count, 10);
    EXPECT_DOUBLE_EQ(found.accuracy, 0.8);
    EXPECT_DOUBLE_EQ(found.acceptable, 0.9);
    EXPECT_EQ(found.abstained, 1);
    EXPECT_EQ(found.confusion[2][0], 1);
    EXPECT_DOUBLE_EQ(found.classes[0].precision, 0.75);
    EXPECT_DOUBLE_EQ(found.classes[0].recall, 0.75);
    EXPECT_DOUBLE_EQ(found.classes[1].precision, 0.8);
    EXPECT_DOUBLE_EQ(found.classes[1].recall, 1);
    EXPECT_DOUBLE_EQ(found.classes[2].recall, 0.5);
    EXPECT_EQ(found.classes[2].support, 2);
    EXPECT_NEAR(found.macro_f1, (0.75 + 8.0 / 9 + 2.0 / 3) / 3, 1e-12);
    EXPECT_NEAR(found.calibration_error, 0, 1e-12) << "eight of ten with confidence 0.8";
}

TEST(RouterMetrics, CalibrationErrorIsTheGapBetweenConfidenceAndTruthWeightedByBins) {
    std::vector<Answer> answers;
    for (int i = 0; i < 4; ++i)
        answers.push_back({.given = i == 0 ? Label::soft : Label::hard, .confidence = 0.95});  // 3 of 4 right
    for (int i = 0; i < 4; ++i)
        answers.push_back({.given = i < 2 ? Label::soft : Label::hard, .confidence = 0.5});  // 2 of 4 right
    EXPECT_NEAR(measure(answers).calibration_error, 0.5 * 0.2 + 0.5 * 0, 1e-12);
    EXPECT_EQ(measure({}).accuracy, 0);
}

TEST(RouterCalibration, FindsTheLineThatTheTargetsCameFrom) {
    Random random(5);
    std::vector<float> logits, targets;
    for (int i = 0; i < 20000; ++i) {
        const float said = 3 * random.normal();
        logits.push_back(said);
        targets.push_back(random.chance(1 / (1 + std::exp(-(0.5F * said - 1)))) ? 1.0F : 0.0F);
    }
    const auto line = fit_sigmoid(logits, targets);
    EXPECT_NEAR(line.slope, 0.5F, 0.03F);
    EXPECT_NEAR(line.offset, -1, 0.06F);
}

TEST(RouterCalibration, NeverTurnsAHeadRoundNorRunsAway) {
    const std::vector<float> logits{-2, -1, 1, 2};
    const std::vector<float> wrong{1, 1, 0, 0};
    EXPECT_GT(fit_sigmoid(logits, wrong).slope, 0);
    const std::vector<float> certain{0, 0, 1, 1};
    EXPECT_TRUE(std::isfinite(fit_sigmoid(logits, certain).slope));
    EXPECT_EQ(fit_sigmoid({}, {}).slope, 1);
}

TEST(RouterCalibration, TheLineToTheUnknownLiesBetweenNoiseAndPrompts) {
    EXPECT_FLOAT_EQ(choose_familiar_enough({0.8F, 0.9F, 1}, {0, 0.1F, 0.2F}), 0.5F);
    EXPECT_FLOAT_EQ(choose_familiar_enough({0.3F, 0.9F}, {0.5F}), 0.3F) << "real prompts are not given up for noise";
    EXPECT_EQ(choose_familiar_enough({}, {0.5F}), 0);
}

}  // namespace
}  // namespace sarai::router::metrics_test
