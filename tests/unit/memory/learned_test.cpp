#include "memory/learned.hpp"

#include <gmock/gmock.h>

#include "memory/learned_text.hpp"
#include "memory/plan.hpp"

namespace sarai::memory::learned_test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

ModelPlan plan_of(Bytes total, std::optional<Learned> learned = {}) {
    return {.lines = {{"weights", total}}, .learned = learned};
}

}  // namespace

TEST(Learned, CountsALoadByItsLoadTimeOnlyOnce) {
    auto learned = with({}, {.load_time = 900ms, .peak = MiB(10)});
    learned = with(learned, {.peak = MiB(12), .requests = 2});
    EXPECT_EQ(learned.loads, 1);
    EXPECT_EQ(learned.load_time, 900ms);
    EXPECT_EQ(learned.requests, 2);
    EXPECT_EQ(learned.peak, MiB(12));
}

TEST(Learned, KeepsTheHighestPeakOfAllLoadsAndTheLatest) {
    auto learned = with({}, {.load_time = 1s, .peak = MiB(30)});
    learned = with(learned, {.load_time = 1s, .peak = MiB(20)});
    learned = with(learned, {.requests = 1});
    EXPECT_EQ(learned.peak, MiB(30));
    EXPECT_EQ(learned.last_peak, MiB(20));
}

TEST(Learned, FollowsALoadTimeThatChangedForGood) {
    auto learned = with({}, {.load_time = 9s});
    for (int i = 0; i < 12; ++i) learned = with(learned, {.load_time = 300ms});
    EXPECT_LT(learned.load_time, 400ms);
    EXPECT_GE(learned.load_time, 300ms);
}

TEST(Learned, WeighsSpeedsByTheTokensThatTheyWereMeasuredOn) {
    auto learned = with({}, {.decode = {.tokens = 900, .seconds = 9}});
    learned = with(learned, {.decode = {.tokens = 100, .seconds = 11}});
    EXPECT_DOUBLE_EQ(learned.decode.per_second(), 50);
    EXPECT_DOUBLE_EQ(learned.prompt.per_second(), 0);
}

TEST(Learned, ForgetsSpeedsThatAreNoLongerTrue) {
    auto learned = with({}, {.decode = {.tokens = 60'000, .seconds = 600}});
    for (int minute = 0; minute < 40; ++minute) learned = with(learned, {.decode = {.tokens = 600, .seconds = 60}});
    EXPECT_NEAR(learned.decode.per_second(), 10, 2);
}

TEST(PlanError, IsOnePercentForAModelThatWasNeverLoadedHere) {
    EXPECT_EQ(plan_of(Bytes{5'000'000'000}).error(), Bytes{50'000'000});
    EXPECT_EQ(plan_of(Bytes{5'000'000'000}).pessimistic(), Bytes{5'050'000'000});
}

TEST(PlanError, ShrinksWithLoadsThatStayedBelowThePlanButNotToNothing) {
    Learned learned{.loads = 1, .peak = Bytes{4'000'000'000}, .requests = 9};
    EXPECT_EQ(plan_of(Bytes{5'000'000'000}, learned).error(), Bytes{25'000'000});
    learned.loads = 1000;
    learned.requests = 1000;
    EXPECT_EQ(plan_of(Bytes{5'000'000'000}, learned).error(), Bytes{12'500'000});
}

TEST(PlanError, TakesALoadThatWasNeverAskedForNoEvidence) {
    EXPECT_EQ(plan_of(Bytes{5'000'000'000}, Learned{.loads = 7, .peak = Bytes{4'000'000'000}}).error(),
              Bytes{50'000'000});
}

TEST(PlanError, HasItsPessimisticEndAtTheHighestPeakWhereThatExceededThePlan) {
    const auto plan = plan_of(Bytes{1'000'000'000}, Learned{.loads = 5, .peak = Bytes{1'200'000'000}, .requests = 5});
    EXPECT_EQ(plan.pessimistic(), Bytes{1'200'000'000});
    EXPECT_EQ(plan.error(), Bytes{200'000'000});
}

TEST(PlanError, NeverShrinksTheReservationBelowThePlan) {
    for (const std::int64_t peak : {0L, 1L, 500'000'000L, 999'999'999L, 1'000'000'000L, 1'000'000'001L})
        for (const std::int64_t loads : {0L, 1L, 2L, 100L}) {
            const auto plan =
                plan_of(Bytes{1'000'000'000}, Learned{.loads = loads, .peak = Bytes{peak}, .requests = loads});
            EXPECT_GT(plan.pessimistic(), plan.total()) << peak << ' ' << loads;
            EXPECT_GE(plan.pessimistic().count, peak);
        }
}

TEST(LearnedText, SaysHowSureThePlanIsAndWhy) {
    EXPECT_EQ(error_note(plan_of(MiB(6400))), "± 64 MiB (never loaded here)");
    EXPECT_EQ(error_note(plan_of(MiB(6400), Learned{.loads = 1, .requests = 1})), "± 32 MiB (1 load)");
    EXPECT_EQ(error_note(plan_of(MiB(6400), Learned{.loads = 12, .requests = 40})), "± 16 MiB (12 loads)");
}

TEST(LearnedText, ShowsTheSameFieldsEverywhere) {
    json::object shown;
    add_error_bar(shown, plan_of(Bytes{1000}));
    EXPECT_EQ(shown, (json::object{{"error_bytes", 10}, {"pessimistic_bytes", 1010}, {"learned", nullptr}}));
    const Learned learned{.loads = 2,
                          .peak = Bytes{900},
                          .last_peak = Bytes{800},
                          .load_time = 1500ms,
                          .requests = 4,
                          .prompt = {.tokens = 100, .seconds = 3}};
    EXPECT_EQ(learned_json(learned), (json::object{{"loads", 2},
                                                   {"peak_bytes", 900},
                                                   {"last_peak_bytes", 800},
                                                   {"load_ms", 1500},
                                                   {"requests", 4},
                                                   {"prompt_tokens_per_second", 33.33},
                                                   {"decode_tokens_per_second", nullptr}}));
}

}  // namespace sarai::memory::learned_test
