#include "memory/guard.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sarai::memory::guard_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

// A machine of 16 GiB with a budget of 12 GiB, whose clock moves with the samples. Its low line is a 64th of RAM,
// 256 MiB; the critical one half of that.
class GuardTest : public testing::Test {
protected:
    static constexpr GuardLimits limits{.budget = GiB(12), .reserve = GiB(1), .machine = GiB(16)};

    // A worker that takes what was planned.
    GuardWorker& add(std::string name, Bytes planned) {
        sample.workers.push_back({.process = ++last_process,
                                  .name = std::move(name),
                                  .planned = planned,
                                  .allowance = error_allowance(planned),
                                  .measured = planned,
                                  .anonymous = planned});
        return sample.workers.back();
    }
    GuardWorker& worker(std::string_view name) { return *std::ranges::find(sample.workers, name, &GuardWorker::name); }
    void grow(std::string_view name, Bytes by) {
        worker(name).measured += by;
        worker(name).anonymous += by;
    }

    // Looks every 100 ms for `time`, and marks what is to stop as stopping, as the driver does.
    Lines watch(std::chrono::milliseconds time) {
        Lines lines;
        for (const auto end = now + time; now < end; now += 100ms) {
            for (auto& action : guard.step(now, sample)) {
                const bool about_worker =
                    action.step != GuardStep::close_admission && action.step != GuardStep::open_admission;
                lines.push_back(about_worker
                                    ? fmt::format("{} {}", name_of(action.step), sample.workers[action.worker].name)
                                    : std::string(name_of(action.step)));
                if (about_worker && action.step != GuardStep::report) sample.workers[action.worker].stopping = true;
                last_why = std::move(action.why);
            }
        }
        return lines;
    }
    // What was told to stop has been reaped, and its memory is back.
    void reap() {
        for (const auto& gone : sample.workers)
            if (gone.stopping) sample.available += gone.anonymous;
        std::erase_if(sample.workers, [](const GuardWorker& one) { return one.stopping; });
    }

    Guard guard{limits};
    GuardSample sample{.own = MiB(20), .available = GiB(4), .pressure = Pressure{}, .workers = {}};
    Guard::Clock::time_point now{1h};
    std::string last_why;
    std::int64_t last_process = 100;
};

}  // namespace

// ---- calm ----

TEST_F(GuardTest, DoesNothingWhileEverythingIsAsPlanned) {
    add("solar", GiB(6)).busy = true;
    add("omni", GiB(5));
    EXPECT_THAT(watch(60s), IsEmpty());
    EXPECT_EQ(guard.level(), GuardLevel::calm);
    EXPECT_TRUE(guard.admission_open());
    EXPECT_FALSE(guard.alert());
    EXPECT_EQ(guard.why(), "");
}

TEST_F(GuardTest, DoesNothingWithoutPressureInformation) {
    add("omni", GiB(5));
    sample.pressure.reset();
    EXPECT_THAT(watch(10s), IsEmpty());
}

TEST_F(GuardTest, MayUseTheBudgetToTheLastByte) {
    add("solar", limits.budget - sample.own);
    EXPECT_THAT(watch(10s), IsEmpty());
    grow("solar", {1});
    EXPECT_FALSE(watch(10s).empty());
}

TEST_F(GuardTest, DoesNotBelieveOneOddSample) {
    add("omni", GiB(5));
    grow("omni", GiB(8));
    EXPECT_THAT(watch(200ms), IsEmpty());
    EXPECT_TRUE(guard.alert());
    grow("omni", {-GiB(8).count});
    EXPECT_THAT(watch(10s), IsEmpty());
    EXPECT_FALSE(guard.alert());
}

// ---- over plan ----

TEST_F(GuardTest, ReportsAWorkerOverItsPlanOnceAndActsOnNothingElse) {
    add("omni", GiB(5));
    grow("omni", error_allowance(GiB(5)));
    EXPECT_THAT(watch(1s), IsEmpty());
    EXPECT_EQ(guard.over_plan(101), Bytes{});
    grow("omni", MiB(1));
    EXPECT_THAT(watch(60s), ElementsAre("report omni"));
    EXPECT_EQ(last_why, "it takes 5.15 GiB, 5.00 GiB were planned: 155 MiB more, of which 154 MiB were to be expected");
    EXPECT_EQ(guard.over_plan(101), error_allowance(GiB(5)) + MiB(1));
    grow("omni", {-MiB(2).count});
    EXPECT_THAT(watch(1s), IsEmpty());
    EXPECT_EQ(guard.over_plan(101), Bytes{});
    grow("omni", MiB(9));
    EXPECT_THAT(watch(1s), IsEmpty()) << "once";
}

TEST_F(GuardTest, ReportsTheNextProcessOfTheSameModelAgain) {
    add("omni", GiB(5));
    grow("omni", MiB(200));
    EXPECT_THAT(watch(1s), ElementsAre("report omni"));
    worker("omni").process = 999;
    EXPECT_THAT(watch(1s), ElementsAre("report omni"));
}

TEST_F(GuardTest, AllowsSmallModelsTwentyMebibytes) {
    EXPECT_EQ(error_allowance(MiB(40)), MiB(20));
    EXPECT_GT(error_allowance(GiB(1)), MiB(30));
}

TEST_F(GuardTest, RestartsAnIdleWorkerWhoseExcessIsGrossThoughMemoryWouldDo) {
    add("lfm2", GiB(1));
    grow("lfm2", MiB(512));  // a quarter and 256 MiB
    EXPECT_THAT(watch(10s), ElementsAre("report lfm2"));
    grow("lfm2", MiB(1));
    EXPECT_THAT(watch(10s), ElementsAre("restart lfm2"));
    EXPECT_THAT(last_why, HasSubstr("it takes 1.50 GiB, 1.00 GiB were planned"));
    EXPECT_TRUE(guard.admission_open());
}

TEST_F(GuardTest, LetsABusyWorkerWithAGrossExcessWorkForFiveSeconds) {
    add("lfm2", GiB(1)).busy = true;
    grow("lfm2", GiB(1));
    EXPECT_THAT(watch(5s), ElementsAre("report lfm2"));
    EXPECT_THAT(watch(200ms), ElementsAre("restart lfm2"));
}

TEST_F(GuardTest, CountsThePatienceAnewWhenTheExcessWasGoneMeanwhile) {
    add("lfm2", GiB(1)).busy = true;
    grow("lfm2", GiB(1));
    EXPECT_THAT(watch(4s), ElementsAre("report lfm2"));
    grow("lfm2", {-GiB(1).count});
    EXPECT_THAT(watch(1s), IsEmpty());
    grow("lfm2", GiB(1));
    EXPECT_THAT(watch(4s), IsEmpty());
}

// ---- the ladder ----

TEST_F(GuardTest, GoesDownTheLadderOneRungAtATime) {
    add("cached", GiB(2)).prompt_cache = GiB(1);
    add("idle", GiB(2));
    add("busy", GiB(4)).busy = true;
    add("pinned", GiB(3)).pinned = true;
    grow("busy", GiB(1));
    sample.own = MiB(200);
    EXPECT_THAT(watch(300ms), ElementsAre("report busy", "drop_cache cached"));
    EXPECT_THAT(watch(10s), IsEmpty()) << "what is stopping is counted as free: " << last_why;
    reap();
    auto& again = add("cached", GiB(2));  // started again; its cache is empty
    again.prompt_cache = GiB(1);
    again.measured = again.anonymous = GiB(1);
    EXPECT_THAT(watch(10s), IsEmpty());
    EXPECT_EQ(guard.level(), GuardLevel::calm);

    sample.own += GiB(1);
    EXPECT_THAT(watch(300ms), ElementsAre("close_admission"));
    EXPECT_THAT(watch(1900ms), IsEmpty());
    EXPECT_THAT(watch(200ms), ElementsAre("evict idle")) << "not pinned, and not under its plan";
    reap();
    sample.own += GiB(2);
    EXPECT_THAT(watch(3s), ElementsAre("evict cached"));
    reap();
    sample.own += GiB(1);
    EXPECT_THAT(watch(3s), ElementsAre("evict pinned"));
    reap();
    sample.own += GiB(3);
    EXPECT_THAT(watch(3s), ElementsAre("restart busy"));
    EXPECT_THAT(last_why, HasSubstr("of all workers it is furthest over its plan: it takes 5.00 GiB, 4.00 GiB were"));
    reap();
    EXPECT_THAT(watch(5s), IsEmpty());
    EXPECT_THAT(watch(200ms), ElementsAre("open_admission"));
}

TEST_F(GuardTest, EvictsThoseFurthestOverTheirPlanFirst) {
    add("large", GiB(6));
    add("liar", GiB(2));
    add("small", GiB(4));
    grow("liar", MiB(500));
    EXPECT_THAT(watch(3s), ElementsAre("report liar", "close_admission", "evict liar"));
    EXPECT_THAT(last_why, HasSubstr("sarai and its workers take 12.51 GiB of a budget of 12.00 GiB; it is idle, and it "
                                    "takes 2.49 GiB, 2.00 GiB were planned"));
}

TEST_F(GuardTest, LeavesABusyWorkerAloneThatKeepsItsPlan) {
    add("solar", GiB(12)).busy = true;  // sarai itself is what is too much
    EXPECT_THAT(watch(60s), ElementsAre("close_admission"));
    sample.own = MiB(4000);
    EXPECT_THAT(watch(60s), IsEmpty());
}

TEST_F(GuardTest, DoesNotStopALoadForTheBudgetUnlessItIsTheLoadThatBreaksIt) {
    add("loading", GiB(11)).ready = false;
    sample.own = GiB(2);
    EXPECT_THAT(watch(10s), ElementsAre("close_admission"));
    grow("loading", GiB(1));
    EXPECT_THAT(watch(10s), ElementsAre("report loading", "restart loading"));
}

TEST_F(GuardTest, DoesNotRestartForACacheThatHoldsLittle) {
    add("cached", GiB(2)).prompt_cache = GiB(1);
    add("busy", GiB(11)).busy = true;
    worker("cached").measured = GiB(1) + MiB(31);
    grow("busy", MiB(200));
    EXPECT_THAT(watch(1s), ElementsAre("close_admission"));
}

// ---- the machine ----

TEST_F(GuardTest, ClosesAdmissionAndEvictsIdleWorkersWhenTheMachineIsShort) {
    add("omni", GiB(5));
    add("solar", GiB(6)).busy = true;
    sample.available = MiB(255);
    EXPECT_THAT(watch(300ms), ElementsAre("close_admission"));
    EXPECT_EQ(guard.level(), GuardLevel::short_of_memory);
    EXPECT_EQ(guard.why(), "the machine has 255 MiB of memory available, less than 256 MiB");
    EXPECT_THAT(watch(3s), ElementsAre("evict omni"));
}

TEST_F(GuardTest, TakesAllRungsThatAreNeededAtOnceWhenItIsCritical) {
    add("cached", MiB(100)).prompt_cache = MiB(50);
    add("omni", MiB(50));
    add("pinned", MiB(60)).pinned = true;
    add("solar", GiB(6)).busy = true;
    sample.available = MiB(60);  // 196 less than the low line
    EXPECT_THAT(watch(100ms), ElementsAre("close_admission", "evict cached", "evict omni", "evict pinned"));
    EXPECT_EQ(guard.level(), GuardLevel::critical);
    EXPECT_THAT(watch(10s), IsEmpty());
}

TEST_F(GuardTest, StopsABusyWorkerWithinItsPlanOnlyForAMachineThatRunsOut) {
    add("small", GiB(1)).busy = true;
    add("solar", GiB(6)).busy = true;
    add("pinned", GiB(5)).busy = true;
    worker("pinned").pinned = true;
    sample.available = MiB(200);
    EXPECT_THAT(watch(60s), ElementsAre("close_admission"));
    sample.available = MiB(100);
    EXPECT_THAT(watch(100ms), ElementsAre("restart solar"));
    EXPECT_THAT(last_why, HasSubstr("nothing else is left to give up"));
    EXPECT_THAT(watch(10s), IsEmpty());
}

TEST_F(GuardTest, StopsTheOneOverItsPlanBeforeLargerOnes) {
    add("solar", GiB(6)).busy = true;
    add("liar", GiB(1)).busy = true;
    grow("liar", MiB(200));
    sample.available = MiB(100);
    EXPECT_THAT(watch(100ms), ElementsAre("close_admission", "restart liar"));
}

TEST_F(GuardTest, KnowsThatMappedWeightsAreAvailableAlready) {
    add("mapped", GiB(4)).anonymous = MiB(50);
    add("omni", MiB(200));
    sample.available = MiB(20);
    EXPECT_THAT(watch(100ms), ElementsAre("close_admission", "evict mapped", "evict omni"));
}

TEST_F(GuardTest, CountsALowReserveByTheMachinesSize) {
    guard = Guard({.budget = GiB(60), .reserve = {}, .machine = GiB(64)});
    add("omni", GiB(5));
    sample.available = MiB(1023);
    EXPECT_THAT(watch(300ms), ElementsAre("close_admission"));
    EXPECT_THAT(guard.why(), HasSubstr("less than 1.00 GiB"));
}

TEST_F(GuardTest, CountsALargeReserve) {
    guard = Guard({.budget = GiB(8), .reserve = GiB(8), .machine = GiB(16)});
    sample.available = MiB(2000);
    EXPECT_THAT(watch(300ms), ElementsAre("close_admission"));
}

// ---- pressure ----

TEST_F(GuardTest, GivesUpIdleWorkersForStallsButNeverBusyOnes) {
    add("omni", GiB(5));
    add("solar", GiB(6)).busy = true;
    sample.available = GiB(3);
    sample.pressure = Pressure{.some = 25, .full = 3};
    EXPECT_THAT(watch(300ms), ElementsAre("close_admission"));
    EXPECT_EQ(guard.why(), "programs waited for memory in 25 % of the last 10 s (all of them in 3 %)");
    EXPECT_THAT(watch(9s), IsEmpty()) << "the average needs 10 s to fall";
    EXPECT_THAT(watch(2s), ElementsAre("evict omni"));
    reap();
    sample.available = GiB(3);
    sample.pressure = Pressure{.some = 100, .full = 100};
    EXPECT_THAT(watch(60s), IsEmpty());
}

TEST_F(GuardTest, TakesFullStallsMoreSeriously) {
    sample.available = GiB(3);
    sample.pressure = Pressure{.some = 11, .full = 10};
    EXPECT_THAT(watch(300ms), ElementsAre("close_admission"));
}

TEST_F(GuardTest, StallsWhileMemoryIsPlentifulAreNotForWantOfIt) {
    add("omni", GiB(5));
    sample.pressure = Pressure{.some = 60, .full = 30};
    sample.available = Bytes{limits.machine.count / 4};
    EXPECT_THAT(watch(60s), IsEmpty());
    EXPECT_EQ(guard.level(), GuardLevel::calm);
    sample.available -= MiB(1);
    EXPECT_THAT(watch(300ms), ElementsAre("close_admission"));
    sample.available += MiB(1);
    EXPECT_THAT(watch(6s), ElementsAre("open_admission"));
}

// ---- recovery ----

TEST_F(GuardTest, OpensAdmissionFiveSecondsAfterTheShortage) {
    sample.available = MiB(200);
    EXPECT_THAT(watch(10s), ElementsAre("close_admission"));
    sample.available = GiB(2);
    EXPECT_THAT(watch(5s), IsEmpty());
    EXPECT_TRUE(guard.alert());
    EXPECT_THAT(watch(100ms), ElementsAre("open_admission"));
    EXPECT_EQ(last_why, "memory has sufficed for 5 s");
    EXPECT_EQ(guard.level(), GuardLevel::calm);
    EXPECT_THAT(watch(10s), IsEmpty());
    EXPECT_FALSE(guard.alert());
}

TEST_F(GuardTest, KeepsAdmissionClosedWhileMemoryHoversAboutTheLine) {
    sample.available = MiB(255);
    EXPECT_THAT(watch(1s), ElementsAre("close_admission"));
    for (int i = 0; i < 20; ++i) {
        sample.available = i % 2 == 0 ? MiB(319) : MiB(257);
        EXPECT_THAT(watch(3s), IsEmpty());
    }
    sample.available = MiB(320);
    EXPECT_THAT(watch(6s), ElementsAre("open_admission"));
}

TEST_F(GuardTest, CountsTheCalmAnewAfterEveryShortage) {
    sample.available = MiB(255);
    EXPECT_THAT(watch(1s), ElementsAre("close_admission"));
    for (int i = 0; i < 10; ++i) {
        sample.available = GiB(1);
        EXPECT_THAT(watch(4900ms), IsEmpty());
        sample.available = MiB(200);
        EXPECT_THAT(watch(100ms), IsEmpty());
    }
}

TEST_F(GuardTest, ClosesAgainWhenTheShortageComesBack) {
    sample.available = MiB(200);
    EXPECT_THAT(watch(1s), ElementsAre("close_admission"));
    sample.available = GiB(2);
    EXPECT_THAT(watch(6s), ElementsAre("open_admission"));
    sample.available = MiB(200);
    EXPECT_THAT(watch(1s), ElementsAre("close_admission"));
}

// ---- switched off ----

TEST_F(GuardTest, OnlyReportsWhenItMayNotAct) {
    auto passive = limits;
    passive.acts = false;
    guard = Guard(passive);
    add("omni", GiB(5));
    grow("omni", GiB(9));
    sample.available = MiB(1);
    EXPECT_THAT(watch(60s), ElementsAre("report omni"));
    EXPECT_EQ(guard.level(), GuardLevel::critical);
    EXPECT_TRUE(guard.admission_open());
    sample = {.own = MiB(1), .available = GiB(5)};
    EXPECT_THAT(watch(1s), IsEmpty());
    EXPECT_EQ(guard.level(), GuardLevel::calm);
}

// ---- whatever comes ----

// A fixed seed: a failure comes back.
TEST_F(GuardTest, KeepsItsPromisesThroughRandomDays) {
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp)
    const auto up_to = [&](std::int64_t most) { return Bytes{static_cast<std::int64_t>(random() % most)}; };
    bool open = true;
    int acted = 0;
    std::set<std::int64_t> reported;
    for (int round = 0; round < 200'000; ++round) {
        now += std::chrono::milliseconds(50 + random() % 500);
        if (random() % 50 == 0) sample.available = up_to(random() % 2 == 0 ? GiB(1).count : GiB(12).count);
        if (random() % 50 == 0)
            sample.pressure =
                random() % 3 == 0 ? std::nullopt : std::optional(Pressure{.some = double(random() % 40), .full = 1});
        if (sample.workers.size() < 5 && random() % 30 == 0) add("m", MiB(10) + up_to(GiB(4).count)).ready = false;
        if (random() % 20 == 0) reap();
        for (auto& one : sample.workers) {
            one.ready = one.ready || random() % 10 == 0;
            if (random() % 10 == 0) one.busy = one.ready && random() % 2 == 0;
            if (random() % 100 == 0) one.pinned = !one.pinned;
            if (random() % 40 == 0) {
                one.measured = up_to(2 * one.planned.count);
                one.anonymous = up_to(one.measured.count + 1);
                one.prompt_cache = up_to(one.planned.count);
            }
        }
        const bool short_of_machine = sample.available < MiB(128);
        for (const auto& action : guard.step(now, sample)) {
            ++acted;
            ASSERT_FALSE(action.why.empty());
            if (action.step == GuardStep::close_admission || action.step == GuardStep::open_admission) {
                ASSERT_EQ(open, action.step == GuardStep::close_admission);
                open = !open;
                continue;
            }
            ASSERT_LT(action.worker, sample.workers.size());
            auto& one = sample.workers[action.worker];
            if (action.step == GuardStep::report) {
                ASSERT_TRUE(reported.insert(one.process).second);
                continue;
            }
            ASSERT_FALSE(one.stopping) << "stopped twice";
            ASSERT_TRUE(action.step == GuardStep::restart || (one.ready && !one.busy));
            ASSERT_TRUE(action.step != GuardStep::evict || !open) << "evicted before admission was closed";
            ASSERT_TRUE(!one.busy || one.measured > one.planned + one.allowance || short_of_machine);
            one.stopping = true;
        }
        ASSERT_EQ(open, guard.admission_open());
        ASSERT_TRUE(open || guard.level() != GuardLevel::calm);
    }
    EXPECT_GT(acted, 5'000);
}

}  // namespace sarai::memory::guard_test
