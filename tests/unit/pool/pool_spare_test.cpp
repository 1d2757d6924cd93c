// Slots that nobody needs, first tokens, workers that die again and again, servers that sleep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::pool_spare_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Lines;

enum : ModelIndex { chat, hybrid, cloud };
enum : EndpointIndex { box };

Clock::time_point at(Clock::duration since_start) { return Clock::time_point{} + 1h + since_start; }

class Spare : public ::testing::Test {
protected:
    Spare()
        : core({.budget = GiB(10)},
               {{.name = "chat", .has_local = true, .slots = 1},
                {.name = "hybrid", .endpoints = {box}, .has_local = true, .slots = 1},
                {.name = "cloud", .endpoints = {box}}},
               {{.name = "box", .can_wake = true}}) {}

    Lines lines(const Actions& actions) { return testing::lines_of(core, actions); }
    void load(ModelIndex model, Clock::duration when = 0s) {
        (void)core.tick(at(when));
        (void)core.preload(model);
        (void)core.measured(model, Needs{.total = GiB(1)});
        (void)core.worker_ready(model);
    }
    void die(ModelIndex model, Clock::duration when) {
        (void)core.tick(at(when));
        (void)core.worker_gone(model, {.code = Code::unavailable, .message = "killed"});
    }
    // A request that loads the worker, which then dies of it.
    void kill_by_request(Ticket ticket, Clock::duration when) {
        EXPECT_THAT(lines(core.acquire(at(when), ticket, chat)), ElementsAre("measure chat"));
        (void)core.measured(chat, Needs{.total = GiB(1)});
        EXPECT_THAT(lines(core.worker_ready(chat)), ElementsAre("grant " + std::to_string(ticket) + ": chat local"));
        (void)core.release(at(when), ticket);
        die(chat, when);
    }

    PoolCore core;
};

TEST_F(Spare, ASlotIsLentOnlyWhileNobodyNeedsIt) {
    EXPECT_THAT(lines(core.borrow(at(0s), 1, chat, false)), ElementsAre("refuse 1: busy")) << "not loaded";
    load(chat);
    EXPECT_THAT(lines(core.borrow(at(0s), 2, chat, true)), ElementsAre("grant 2: chat local"));
    EXPECT_THAT(lines(core.borrow(at(0s), 3, chat, true)), ElementsAre("refuse 3: busy"));
    EXPECT_THAT(lines(core.acquire(at(0s), 4, chat)), IsEmpty()) << "it waits its turn";
    EXPECT_THAT(lines(core.release(at(0s), 2)), ElementsAre("grant 4: chat local"));
    EXPECT_EQ(core.tickets(), 1u);
}

TEST_F(Spare, AloneMeansThatNoWorkerComputes) {
    load(chat);
    load(hybrid);
    (void)core.acquire(at(0s), 1, chat);
    EXPECT_THAT(lines(core.borrow(at(0s), 2, hybrid, true)), ElementsAre("refuse 2: busy"));
    EXPECT_THAT(lines(core.borrow(at(0s), 3, hybrid, false)), ElementsAre("grant 3: hybrid local (fallback)"));
    (void)core.release(at(0s), 3);
    (void)core.finished(at(0s), 1);
    EXPECT_THAT(lines(core.borrow(at(0s), 4, hybrid, true)), ElementsAre("grant 4: hybrid local (fallback)"));
}

TEST_F(Spare, ReadingAheadIsNobodysUse) {
    load(hybrid);
    const auto used = core.local(hybrid).last_used;
    (void)core.borrow(at(0s), 1, hybrid, true);
    EXPECT_EQ(core.local(hybrid).last_used, used);
    EXPECT_EQ(core.local(hybrid).slot_uses, 0u);
    EXPECT_TRUE(core.unload(hybrid)) << "no request is cut off";
    (void)core.worker_gone(hybrid, {});
    (void)core.release(at(0s), 1);
    EXPECT_EQ(core.local(hybrid).ahead, 0);
    load(hybrid);
    (void)core.acquire(at(0s), 2, hybrid);
    EXPECT_EQ(core.local(hybrid).slot_uses, 0u) << "its server answers";
    (void)core.borrow(at(0s), 3, hybrid, false);
    EXPECT_EQ(core.local(hybrid).slot_uses, 1u);
}

TEST_F(Spare, ReadingAheadYieldsToAHedgeAndToAShortageOfMemory) {
    load(hybrid);
    (void)core.borrow(at(0s), 1, hybrid, true);
    EXPECT_THAT(lines(core.borrow(at(0s), 2, hybrid, false)), ElementsAre("refuse 2: busy"));
    (void)core.release(at(0s), 1);
    EXPECT_THAT(lines(core.borrow(at(0s), 3, hybrid, true)), ElementsAre("refuse 3: busy"));
    EXPECT_THAT(lines(core.borrow(at(100ms), 4, hybrid, false)), ElementsAre("grant 4: hybrid local (fallback)"));
    (void)core.release(at(200ms), 4);
    (void)core.set_admission(false, "memory is short");
    EXPECT_THAT(lines(core.borrow(at(9s), 5, hybrid, true)), ElementsAre("refuse 5: busy"));
}

TEST_F(Spare, FirstTokensAreThoseOfStreams) {
    EXPECT_EQ(core.first_tokens(cloud, box).count, 0);
    for (Ticket i = 1; i <= 20; ++i) {
        (void)core.acquire(at(0s), i, cloud);
        (void)core.answered(at(i * 10ms), i);
        (void)core.release(at(1s), i);
    }
    (void)core.acquire(at(0s), 21, cloud);
    (void)core.answered(at(60s), 21, PoolCore::Came::whole);
    const auto seen = core.first_tokens(cloud, box);
    EXPECT_EQ(seen.count, 20);
    EXPECT_EQ(seen.median, 100ms);
    EXPECT_EQ(seen.p95, 190ms);
    EXPECT_EQ(core.first_tokens(hybrid, box).count, 0) << "another model may be slower";
    (void)core.acquire(at(0s), 22, cloud);
    (void)core.overtaken(at(500ms), 22, 190ms);
    EXPECT_EQ(core.first_tokens(cloud, box).count, 21);
    EXPECT_EQ(core.first_tokens(cloud, box).p95, 190ms) << "a server that hangs does not become the usual one";
    EXPECT_TRUE(core.endpoint(box).up) << "slow is not down";
    (void)core.overtaken(at(500ms), 22, 190ms);
    (void)core.overtaken(at(500ms), 22, 190ms);
    EXPECT_FALSE(core.endpoint(box).up) << "three in a row are";
}

TEST_F(Spare, AWorkerThatDiesAgainAndAgainIsStartedLaterAndLater) {
    kill_by_request(1, 0s);
    kill_by_request(2, 1s);  // once is an accident
    EXPECT_THAT(lines(core.acquire(at(1500ms), 3, chat)), IsEmpty()) << "a second has not passed";
    EXPECT_EQ(core.waiting(chat), 1);
    EXPECT_THAT(lines(core.tick(at(1900ms))), IsEmpty());
    EXPECT_THAT(lines(core.tick(at(2s))), ElementsAre("measure chat"));
    (void)core.measured(chat, Needs{.total = GiB(1)});
    (void)core.worker_ready(chat);
    (void)core.release(at(2s), 3);
    die(chat, 2s);
    EXPECT_THAT(lines(core.acquire(at(3s), 4, chat)), IsEmpty());
    EXPECT_THAT(lines(core.tick(at(4s))), ElementsAre("measure chat")) << "two seconds";
    (void)core.measured(chat, Needs{.total = GiB(1)});
    (void)core.worker_ready(chat);
    (void)core.release(at(4s), 4);
    die(chat, 90s);  // it lived
    EXPECT_THAT(lines(core.acquire(at(90s), 5, chat)), ElementsAre("measure chat"));
}

TEST_F(Spare, WhoWaitsInThePauseGoesToAServerThatIsBack) {
    (void)core.acquire(at(0s), 1, hybrid);
    (void)core.attempt_failed(at(0s), 1, {.code = Code::unavailable, .message = "refused", .unsent = true});
    (void)core.measured(hybrid, Needs{.total = GiB(1)});
    (void)core.worker_ready(hybrid);
    (void)core.release(at(0s), 1);
    die(hybrid, 0s);
    load(hybrid);
    die(hybrid, 0s);
    EXPECT_THAT(lines(core.acquire(at(100ms), 2, hybrid)), IsEmpty());
    EXPECT_THAT(lines(core.probed(at(200ms), box, ProbeReport{})), ElementsAre("grant 2: hybrid box"));
}

TEST_F(Spare, AWishMeansTheWorkerHere) {
    EXPECT_THAT(lines(core.acquire(at(0s), 1, hybrid, {.here = true})), ElementsAre("measure hybrid"));
    EXPECT_THAT(lines(core.acquire(at(0s), 2, cloud, {.here = true})), ElementsAre("grant 2: cloud box")) << "has none";
}

TEST_F(Spare, AWishStartsItAtOnce) {
    kill_by_request(1, 0s);
    kill_by_request(2, 0s);
    (void)core.lift_quarantine(chat);
    EXPECT_THAT(lines(core.acquire(at(0s), 3, chat)), ElementsAre("measure chat"));
}

TEST_F(Spare, AServerThatSleepsIsWokenWhileTheFallbackAnswers) {
    load(hybrid);
    (void)core.acquire(at(0s), 1, hybrid);
    const Error asleep{.code = Code::unavailable, .message = "no route to host", .unsent = true};
    EXPECT_THAT(lines(core.attempt_failed(at(1s), 1, asleep)),
                ElementsAre("wake box", "grant 1: hybrid local (fallback)"));
    EXPECT_THAT(lines(core.acquire(at(2s), 2, hybrid)), IsEmpty()) << "no second packet so soon, and the slot is taken";
    (void)core.finished(at(2s), 1);
    EXPECT_THAT(lines(core.acquire(at(12s), 3, hybrid)), ElementsAre("wake box")) << "it sleeps on";
    (void)core.probed(at(13s), box, ProbeReport{});
    EXPECT_THAT(lines(core.acquire(at(14s), 4, hybrid)), ElementsAre("grant 4: hybrid box"));
}

TEST_F(Spare, WhoHasNobodyElseWaitsUntilItIsAwake) {
    (void)core.acquire(at(0s), 1, cloud);
    const Error asleep{.code = Code::unavailable, .message = "no route to host", .unsent = true};
    EXPECT_THAT(lines(core.attempt_failed(at(1s), 1, asleep)), ElementsAre("wake box"));
    EXPECT_THAT(lines(core.acquire(at(5s), 2, cloud)), IsEmpty());
    (void)core.probed(at(20s), box, ProbeReport{});
    (void)core.tick(at(20s));
    EXPECT_EQ(core.endpoint(box).leases, 1) << "the one that is tried first";
}

TEST_F(Spare, IsWokenOnlyWhereNobodyElseIsWell) {
    PoolCore both({.budget = GiB(10)}, {{.name = "cloud", .endpoints = {0, 1}}},
                  {{.name = "box", .can_wake = true}, {.name = "other"}});
    const Error asleep{.code = Code::unavailable, .message = "no route to host", .unsent = true};
    (void)both.acquire(at(0s), 1, 0);
    EXPECT_THAT(testing::lines_of(both, both.attempt_failed(at(0s), 1, asleep)),
                ElementsAre("grant 1: cloud other (fallback)"));
    EXPECT_THAT(testing::lines_of(both, both.acquire(at(60s), 2, 0)), ElementsAre("grant 2: cloud other (fallback)"));
}

TEST_F(Spare, IsWaitedForAgainAfterItWasLeftAsleep) {
    const Error asleep{.code = Code::unavailable, .message = "no route to host", .unsent = true};
    (void)core.acquire(at(0s), 1, cloud);
    (void)core.attempt_failed(at(0s), 1, asleep);
    (void)core.release(at(1s), 1);
    EXPECT_THAT(lines(core.acquire(at(8h), 2, cloud)), ElementsAre("wake box")) << "waits, and is not refused";
    EXPECT_EQ(core.tickets(), 1u);
}

TEST_F(Spare, WhoseFallbackCannotBeLoadedWaitsForTheServerThatWakes) {
    (void)core.acquire(at(0s), 1, hybrid);
    const Error asleep{.code = Code::unavailable, .message = "no route to host", .unsent = true};
    (void)core.set_admission(false, "memory is short");
    EXPECT_THAT(lines(core.attempt_failed(at(0s), 1, asleep)), ElementsAre("wake box"));
    (void)core.probed(at(9s), box, ProbeReport{});
    EXPECT_EQ(core.endpoint(box).leases, 1);
}

TEST_F(Spare, ButNotForEver) {
    (void)core.acquire(at(0s), 1, cloud);
    const Error asleep{.code = Code::unavailable, .message = "no route to host", .unsent = true};
    (void)core.attempt_failed(at(1s), 1, asleep);
    for (auto when = 2s; when < 90s; when += 10s) (void)core.tick(at(when));
    EXPECT_EQ(core.tickets(), 1u);
    EXPECT_THAT(lines(core.tick(at(92s))), ElementsAre("wake box", "grant 1: cloud box"))
        << "tried, as nothing else is left";
    EXPECT_THAT(lines(core.attempt_failed(at(93s), 1, asleep)), ElementsAre("refuse 1: unavailable"));
}

}  // namespace
}  // namespace sarai::pool::pool_spare_test
