#include "pool/load_record.hpp"

#include <gtest/gtest.h>

namespace sarai::pool::load_record_test {
namespace {

using namespace std::chrono_literals;

const memory::ModelPlan plan{.lines = {{"weights", Bytes{1000}}}, .key = "k"};
constexpr Clock::time_point start{};

LoadRecord ready_record() {
    LoadRecord record(plan);
    record.sampled(Bytes{900});
    record.ready(70ms);
    return record;
}

}  // namespace

TEST(LoadRecord, ReportsALoadOnceAndAsSoonAsItIsReady) {
    LoadRecord record(plan);
    record.sampled(Bytes{900});
    EXPECT_FALSE(record.due(start)) << "a load that may still fail";
    record.ready(70ms);
    const auto first = record.due(start);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->key, "k");
    EXPECT_EQ(first->load_time, 70ms);
    EXPECT_EQ(first->peak, Bytes{900});
    record.sampled(Bytes{990});
    const auto second = record.due(start + 30s);
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->load_time);
    EXPECT_EQ(second->peak, Bytes{990});
}

TEST(LoadRecord, ReportsGrowthOfMoreThanOnePercentAtMostEveryThirtySeconds) {
    auto record = ready_record();
    (void)record.due(start);
    record.sampled(Bytes{909});
    EXPECT_FALSE(record.due(start + 1h)) << "no more than one percent";
    record.sampled(Bytes{950});
    EXPECT_FALSE(record.due(start + 29s));
    EXPECT_TRUE(record.due(start + 30s));
    EXPECT_FALSE(record.due(start + 2h)) << "nothing is new";
}

TEST(LoadRecord, ReportsWhatExceedsThePlanWhenTheWorkerHasLivedWithIt) {
    auto record = ready_record();
    (void)record.due(start);
    record.sampled(Bytes{2000});
    EXPECT_FALSE(record.due(start + 30s));
    record.sampled(Bytes{3000});
    EXPECT_FALSE(record.due(start + 50s)) << "it still grows";
    record.served(std::nullopt);
    const auto answered = record.due(start + 79s);
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->peak, Bytes{900});
    const auto settled = record.due(start + 2min);
    ASSERT_TRUE(settled);
    EXPECT_EQ(settled->peak, Bytes{3000});
}

TEST(LoadRecord, DoesNotReportThePeakOfAWorkerThatWasEndedForIt) {
    auto record = ready_record();
    record.sampled(Bytes{3000});
    const auto first = record.due(start);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->peak, Bytes{900});
    record.served(std::nullopt);
    record.ended_for_excess();
    record.sampled(Bytes{3100});
    EXPECT_EQ(record.over_plan(), Bytes{2100}) << "it is still seen";
    const auto rest = record.rest();
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->requests, 1);
    EXPECT_EQ(rest->peak, Bytes{900});
    auto other = ready_record();
    other.sampled(Bytes{3000});
    const auto displaced = other.rest();
    ASSERT_TRUE(displaced);
    EXPECT_EQ(displaced->peak, Bytes{3000}) << "it was not ended for it";
}

TEST(LoadRecord, ReportsAnswersWithoutWaitingForThePeakToGrow) {
    auto record = ready_record();
    (void)record.due(start);
    record.served(llm::Rates{.prompt_tokens = 100, .prompt_seconds = 2, .decode_tokens = 50, .decode_seconds = 5});
    record.served(std::nullopt);
    const auto report = record.due(start + 30s);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->requests, 2);
    EXPECT_DOUBLE_EQ(report->prompt.per_second(), 50);
    EXPECT_DOUBLE_EQ(report->decode.per_second(), 10);
    EXPECT_EQ(report->peak, Bytes{900});
}

TEST(LoadRecord, PassesOverSpeedsOfAFewTokens) {
    auto record = ready_record();
    record.served(llm::Rates{.prompt_tokens = 15, .prompt_seconds = 3, .decode_tokens = 1, .decode_seconds = 0.001});
    const auto report = record.due(start);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->requests, 1);
    EXPECT_EQ(report->prompt, memory::Speed{});
    EXPECT_EQ(report->decode, memory::Speed{});
}

TEST(LoadRecord, GivesTheRestWhenTheWorkerHasGoneAndNothingTwice) {
    auto record = ready_record();
    (void)record.due(start);
    record.served(std::nullopt);
    record.sampled(Bytes{901});
    const auto rest = record.rest();
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->requests, 1);
    EXPECT_EQ(rest->peak, Bytes{901});
    EXPECT_FALSE(rest->load_time);
    EXPECT_FALSE(record.rest());
}

TEST(LoadRecord, ReportsTheHeightAtWhichALoadFailedButCountsNoLoad) {
    LoadRecord record(plan);
    record.sampled(Bytes{2000});
    const auto rest = record.rest();
    ASSERT_TRUE(rest);
    EXPECT_FALSE(rest->load_time);
    EXPECT_EQ(rest->peak, Bytes{2000});
}

TEST(LoadRecord, IsOverItsPlanBeyondTheErrorBarOnlyAndSaysSoOnce) {
    auto record = ready_record();
    EXPECT_FALSE(record.newly_over_plan());
    record.sampled(Bytes{1010});
    EXPECT_EQ(record.over_plan(), Bytes{});
    record.sampled(Bytes{1011});
    EXPECT_EQ(record.over_plan(), Bytes{11});
    EXPECT_TRUE(record.newly_over_plan());
    record.sampled(Bytes{1500});
    EXPECT_FALSE(record.newly_over_plan());
    EXPECT_EQ(record.over_plan(), Bytes{500});
}

TEST(LoadRecord, OfNoPlanIsNeverOverIt) {
    LoadRecord record;
    record.sampled(MiB(100));
    EXPECT_EQ(record.over_plan(), Bytes{});
}

}  // namespace sarai::pool::load_record_test
