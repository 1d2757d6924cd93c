#include "pool/turns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace sarai::pool::turns_test {
namespace {

using namespace std::chrono_literals;

// Workers on a machine that is ours: who may run uses all of its threads, who was told to idle uses none.
class Machine {
public:
    explicit Machine(int cores) : turns(cores) {}

    void join(ModelIndex model, int threads) {
        threads_[model] = threads;
        turns.join(now, model, threads, cpu());
    }
    void leave(ModelIndex model) {
        turns.leave(now, model, cpu());
        threads_.erase(model);
    }
    void run(Turns::Duration time) {
        now += std::chrono::duration_cast<Clock::duration>(time);
        for (const auto& [model, threads] : threads_)
            if (turns.may_run(model) && !idle.contains(model)) used[model] += time * threads;
    }
    // At its end the next ones are chosen.
    void turn(Turns::Duration length = Turns::length) {
        run(length);
        turns.next(now, cpu());
    }
    [[nodiscard]] std::set<ModelIndex> running() const {
        std::set<ModelIndex> all;
        for (const auto& [model, threads] : threads_)
            if (turns.may_run(model)) all.insert(model);
        return all;
    }

    Turns turns;
    Clock::time_point now{};
    std::set<ModelIndex> idle;  // hold a lease and do not compute
    std::map<ModelIndex, Turns::Duration> used;
    std::map<ModelIndex, int> asked;  // how often for its CPU time

private:
    [[nodiscard]] Turns::CpuTime cpu() {
        return [this](ModelIndex model) {
            ++asked[model];
            return used[model];
        };
    }
    std::map<ModelIndex, int> threads_;
};

using Set = std::set<ModelIndex>;

}  // namespace

TEST(Turns, OneThatIsAloneIsNeverPaused) {
    Machine machine(2);
    machine.join(0, 2);
    EXPECT_FALSE(machine.turns.contended());
    for (int i = 0; i < 5; ++i) {
        machine.turn();
        EXPECT_EQ(machine.running(), Set{0});
    }
}

TEST(Turns, AllRunWhereTheCoresAreEnough) {
    Machine machine(4);
    machine.join(0, 2);
    machine.join(1, 2);
    EXPECT_FALSE(machine.turns.contended());
    EXPECT_EQ(machine.running(), (Set{0, 1}));
}

TEST(Turns, OneAfterTheOtherWhereTheyAreNotAndEachItsShare) {
    Machine machine(2);
    for (const ModelIndex model : {0, 1, 2}) machine.join(model, 2);
    EXPECT_TRUE(machine.turns.contended());
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(machine.running().size(), 1U);
        machine.turn();
    }
    for (const ModelIndex model : {0, 1, 2}) EXPECT_EQ(machine.used[model], Turns::length * 2 * 10);
}

TEST(Turns, CoresThatOneLeavesFreeServeAnother) {
    Machine machine(4);
    machine.join(0, 3);
    machine.join(1, 3);
    machine.join(2, 1);
    for (int i = 0; i < 12; ++i) {
        const auto running = machine.running();
        EXPECT_EQ(running.size(), 2U);
        EXPECT_TRUE(running.contains(2));
        machine.turn();
    }
}

TEST(Turns, MoreThreadsThanCoresAreOneTurnAllTheSame) {
    Machine machine(2);
    machine.join(0, 8);
    machine.join(1, 8);
    EXPECT_EQ(machine.running().size(), 1U);
}

TEST(Turns, WhoComesLaterRunsAtOnce) {
    Machine machine(2);
    machine.join(0, 2);
    machine.run(10s);
    machine.join(1, 2);
    EXPECT_EQ(machine.running(), Set{1});
    machine.turn();
    EXPECT_EQ(machine.running(), Set{0}) << "what it had alone does not count against it";
}

TEST(Turns, WhoComesAgainNeedNotBeMeasuredFirst) {
    Machine machine(2);
    machine.join(0, 2);
    machine.run(1s);
    machine.leave(0);
    const auto asked = machine.asked[0];
    machine.join(0, 2);
    EXPECT_EQ(machine.asked[0], asked);
    machine.leave(0);
    machine.used[0] = {};  // another process
    machine.turns.forget_process(0);
    machine.join(0, 2);
    machine.run(500ms);
    machine.join(1, 2);
    EXPECT_EQ(machine.running().size(), 1U) << "it is not taken for idle because the one before had used more";
}

TEST(Turns, WhoLeavesMakesRoomAtOnce) {
    Machine machine(2);
    machine.join(0, 2);
    machine.join(1, 2);
    machine.leave(*machine.running().begin());
    EXPECT_EQ(machine.running().size(), 1U);
    EXPECT_FALSE(machine.turns.contended());
}

TEST(Turns, ShortRequestsDoNotPushOutALongOneByComingAgainAndAgain) {
    Machine machine(2);
    machine.join(0, 2);
    for (int i = 0; i < 1000; ++i) {
        machine.join(1, 2);
        for (const auto done = machine.used[1] + 10ms; machine.used[1] < done;) machine.turn(5ms);
        machine.leave(1);
    }
    EXPECT_GE(machine.used[0] * 10, machine.used[1] * 9);
}

TEST(Turns, WhatWasHadLongAgoKeepsNobodyOut) {
    Machine machine(2);
    machine.join(0, 2);
    machine.join(1, 2);
    for (int i = 0; i < 1000; ++i) machine.turn();
    machine.leave(0);
    machine.leave(1);
    machine.join(2, 2);  // never had a turn
    machine.turn();
    machine.join(0, 2);
    const auto before = machine.used[0];
    for (int i = 0; i < 6; ++i) machine.turn();
    EXPECT_GT(machine.used[0], before);
}

TEST(Turns, AWorkerWithFewThreadsDoesNotHoldUpOneWithMany) {
    Machine machine(2);
    machine.join(0, 1);
    machine.join(1, 2);
    for (int i = 0; i < 100; ++i) machine.turn();
    EXPECT_EQ(machine.used[1], machine.used[0] * 2) << "as long a time, with twice the threads";
}

TEST(Turns, OneThatHasStoppedComputingBeforeAnybodyCameHoldsUpNobody) {
    Machine machine(2);
    machine.idle.insert(0);
    machine.join(0, 2);
    machine.run(5s);
    machine.join(1, 2);
    EXPECT_TRUE(machine.turns.may_run(1));
    EXPECT_TRUE(machine.turns.may_run(0));
}

TEST(Turns, OneWhoseClientReadsSlowlyHoldsUpNobody) {
    Machine machine(2);
    machine.idle.insert(0);
    machine.join(0, 2);
    machine.join(1, 2);
    machine.turn();
    machine.turn();
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(machine.turns.may_run(1));
        machine.turn();
    }
    machine.idle.clear();  // it computes again
    machine.turn();
    EXPECT_EQ(machine.running().size(), 1U);
    const auto before = machine.used[1];
    for (int i = 0; i < 10; ++i) machine.turn();
    EXPECT_GT(machine.used[1], before);
}

}  // namespace sarai::pool::turns_test
