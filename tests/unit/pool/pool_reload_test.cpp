// A configuration that changes while requests run: what is retired goes first, and what it owes others is handed on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::pool_reload_test {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Lines;

enum : ModelIndex { solar, pet, idle };
enum : EndpointIndex { box };

Clock::time_point at(Clock::duration since_start) { return Clock::time_point{} + 1h + since_start; }

// A remote model whose fallback may displace a pinned one, and one that is idle.
class ReloadedPool : public ::testing::Test {
protected:
    ReloadedPool()
        : core({.budget = GiB(10), .max_concurrent_llms = 5, .policy = Policy::lru},
               {{.name = "solar", .endpoints = {box}, .has_local = true, .may_displace = {pet}},
                {.name = "pet", .has_local = true, .pinned = true},
                {.name = "idle", .has_local = true}},
               {{.name = "box:1"}}) {}

    Lines lines(const Actions& actions) { return testing::lines_of(core, actions); }
    void load(ModelIndex model, Bytes total) {
        (void)core.preload(model);
        (void)core.measured(model, Needs{.total = total});
        (void)core.worker_ready(model);
        ASSERT_EQ(core.local(model).state, LocalState::ready);
    }
    ModelIndex changed(ModelIndex model, Clock::duration when = 0s) {
        const auto next = core.add_model(core.models()[model]);
        last = lines(core.retire(at(when), model));
        return next;
    }
    Error lost() { return {.code = Code::unavailable, .message = "connection refused", .unsent = true}; }

    PoolCore core;
    Lines last;
};

TEST_F(ReloadedPool, WhatAFallbackHasDisplacedComesBackThoughTheModelWasChangedMeanwhile) {
    load(pet, GiB(4));
    (void)core.acquire(at(0s), 1, solar);
    (void)core.attempt_failed(at(0s), 1, lost());
    EXPECT_THAT(lines(core.measured(solar, Needs{.total = GiB(8)})), ElementsAre("stop pet"));
    EXPECT_THAT(lines(core.worker_gone(pet, {})), ElementsAre("spawn solar"));
    EXPECT_THAT(lines(core.worker_ready(solar)), ElementsAre("grant 1: solar local (fallback)"));
    const auto next = changed(solar);
    EXPECT_THAT(core.local(next).displaced, ElementsAre(pet));
    EXPECT_THAT(lines(core.release(at(1s), 1)), ElementsAre("stop solar"));
    (void)core.worker_gone(solar, {});
    (void)core.tick(at(2s));
    (void)core.probed(at(3s), box, ProbeReport{});
    (void)core.acquire(at(4s), 2, next);
    (void)core.answered(at(4s), 2);
    (void)core.release(at(4s), 2);
    EXPECT_THAT(lines(core.tick(at(40s))), Contains("measure pet"));
    (void)core.measured(pet, Needs{.total = GiB(4)});
    (void)core.worker_ready(pet);
    (void)core.tick(at(41s));
    EXPECT_THAT(core.local(next).displaced, IsEmpty());
}

TEST_F(ReloadedPool, APreloadWaitsForWhatIsRetired) {
    load(pet, GiB(8));
    (void)core.acquire(at(0s), 1, pet);
    const auto next = changed(pet);
    EXPECT_THAT(lines(core.preload(next)), ElementsAre("measure pet"));
    EXPECT_THAT(lines(core.measured(next, Needs{.total = GiB(8), .prompt_cache = GiB(3)})), IsEmpty());
    EXPECT_EQ(core.local(next).state, LocalState::queued) << "and is not made smaller for it";
    EXPECT_THAT(lines(core.release(at(9s), 1)), ElementsAre("stop pet"));
    EXPECT_THAT(lines(core.worker_gone(pet, {})), ElementsAre("spawn pet"));
    EXPECT_FALSE(core.local(next).reduction.any());
}

TEST_F(ReloadedPool, WhatIsRetiredGoesBeforeWhatIsIdle) {
    load(pet, GiB(5));
    load(idle, GiB(4));
    (void)core.acquire(at(0s), 1, pet);
    const auto next = changed(pet);
    (void)core.acquire(at(0s), 2, next);
    EXPECT_THAT(lines(core.measured(next, Needs{.total = GiB(5)})), IsEmpty());
    EXPECT_EQ(core.local(idle).state, LocalState::ready);
    EXPECT_TRUE(core.local(pet).draining);
}

// As a configuration that is changed and changed back: the same model goes, and is to be there again.
TEST_F(ReloadedPool, APreloadOfWhatIsBeingStoppedWaitsForItsEnd) {
    load(pet, GiB(4));
    const auto next = changed(pet);
    EXPECT_THAT(last, ElementsAre("stop pet"));
    auto spec = core.models()[next];
    core.set_spec(pet, std::move(spec));
    EXPECT_THAT(lines(core.retire(at(1s), next)), IsEmpty());
    EXPECT_THAT(lines(core.preload(pet)), IsEmpty());
    EXPECT_EQ(core.local(pet).state, LocalState::stopping);
    EXPECT_THAT(lines(core.worker_gone(pet, {})), ElementsAre("measure pet"));
}

TEST_F(ReloadedPool, WhoIsStoppedWhileItIsPreloadedStaysAway) {
    (void)core.preload(pet);
    (void)core.measured(pet, Needs{.total = GiB(4)});
    EXPECT_THAT(lines(core.stop(pet)), ElementsAre("stop pet"));
    EXPECT_THAT(lines(core.worker_gone(pet, {})), IsEmpty());
    EXPECT_EQ(core.local(pet).state, LocalState::absent);
    load(pet, GiB(4));
    (void)core.stop(pet);
    (void)core.preload(pet);
    (void)core.stop(pet);
    EXPECT_THAT(lines(core.worker_gone(pet, {})), IsEmpty()) << "the last word holds";
}

TEST_F(ReloadedPool, AServerThatNoModelNamesIsLeftAlone) {
    PoolCore two({.budget = GiB(1), .health = {.check_interval = 10s}}, {{.name = "cloud", .endpoints = {0}}},
                 {{.name = "old"}, {.name = "new"}});
    EXPECT_THAT(testing::lines_of(two, two.tick(at(0s))), ElementsAre("probe old", "probe new"));
    (void)two.probed(at(0s), 0, ProbeReport{});
    (void)two.probed(at(0s), 1, ProbeReport{});
    two.set_endpoint_retired(0, true);
    EXPECT_THAT(testing::lines_of(two, two.tick(at(20s))), ElementsAre("probe new"));
    two.set_endpoint_retired(0, false);
    EXPECT_THAT(testing::lines_of(two, two.tick(at(20s))), ElementsAre("probe old"));
}

}  // namespace
}  // namespace sarai::pool::pool_reload_test
