// Loading ahead of requests that are only probable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::prefetch_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Lines;

enum : ModelIndex { a, b, pet, expert, sleeper };
enum : EndpointIndex { box, bed };

struct Story {
    PoolCore core;
    Clock::time_point now = Clock::time_point{} + 1h;
    std::string why;

    explicit Story(Policy policy = Policy::never_unload, int places = 5)
        : core({.budget = GiB(10), .max_concurrent_llms = places, .policy = policy},
               {{.name = "a", .has_local = true, .may_give_up = {.kv_cache_type = "q8_0"}},
                {.name = "b", .has_local = true},
                {.name = "pet", .generative = false, .has_local = true, .pinned = true},
                {.name = "expert", .endpoints = {box}, .has_local = true},
                {.name = "sleeper", .endpoints = {bed}, .has_local = true}},
               {{.name = "box:1"}, {.name = "bed:2", .can_wake = true}}) {}

    Lines operator()(const Actions& actions) { return testing::lines_of(core, actions); }
    Lines prefetch(ModelIndex model) {
        auto result = core.prefetch(now, model);
        why = result.why;
        EXPECT_EQ(result.begun, !result.actions.empty()) << why;
        return (*this)(result.actions);
    }
    Lines acquire(Ticket ticket, ModelIndex model) { return (*this)(core.acquire(now, ticket, model)); }
    Lines measured(ModelIndex model, Bytes total) { return (*this)(core.measured(model, Needs{.total = total})); }
    void load(ModelIndex model, Bytes total) {
        (void)core.preload(model);
        measured(model, total);
        (void)core.worker_ready(model);
    }
    void load_ahead(ModelIndex model, Bytes total) {
        prefetch(model);
        measured(model, total);
        (void)core.worker_ready(model);
    }
    void lose(EndpointIndex endpoint) {
        for (int i = 0; i < 5; ++i)
            (void)core.endpoint_failed(now, endpoint,
                                       {.code = Code::unavailable, .message = "no route", .unsent = true});
    }
};

}  // namespace

TEST(Prefetch, LoadsWhatFitsBesideTheOthers) {
    Story story;
    story.load(b, GiB(4));
    EXPECT_THAT(story.prefetch(a), ElementsAre("measure a"));
    EXPECT_THAT(story.measured(a, GiB(4)), ElementsAre("spawn a"));
    EXPECT_THAT(story.prefetch(a), IsEmpty());
    EXPECT_EQ(story.why, "it is loading");
    (void)story.core.worker_ready(a);
    EXPECT_THAT(story.prefetch(a), IsEmpty());
    EXPECT_EQ(story.why, "it is loaded");
    EXPECT_THAT(story.acquire(1, a), ElementsAre("grant 1: a local"));
}

TEST(Prefetch, DisplacesNobodyWhateverThePolicy) {
    for (const auto policy : {Policy::never_unload, Policy::lru, Policy::priority}) {
        Story story(policy);
        story.load(b, GiB(8));
        story.prefetch(a);
        EXPECT_THAT(story.measured(a, GiB(4)), IsEmpty());
        EXPECT_EQ(story.core.local(a).state, LocalState::absent);
        EXPECT_EQ(story.core.local(a).last_error, std::nullopt) << "nobody was refused";
        EXPECT_EQ(story.core.local(b).state, LocalState::ready);
        EXPECT_THAT(story.core.decisions().back().outcome, HasSubstr("no room that nobody needs"));
    }
}

TEST(Prefetch, TakesNoPlaceFromAnybody) {
    Story story(Policy::lru, 1);
    story.load(b, GiB(1));
    EXPECT_THAT(story.prefetch(a), IsEmpty());
    EXPECT_EQ(story.why, "all 1 places are taken");
    EXPECT_THAT(story.prefetch(pet), ElementsAre("measure pet")) << "which takes none";
}

TEST(Prefetch, GivesNothingUpToFit) {
    Story story;
    story.load(b, GiB(7));
    story.prefetch(a);
    const Needs needs{.total = GiB(4), .kv_cache = GiB(3), .context_length = 4096};
    EXPECT_THAT(story(story.core.measured(a, needs)), IsEmpty());
    EXPECT_EQ(story.core.local(a).state, LocalState::absent);
    // A request would.
    story.acquire(1, a);
    EXPECT_THAT(story(story.core.measured(a, needs)), ElementsAre("measure a (KV cache q8_0)"));
}

TEST(Prefetch, WaitsForNothing) {
    Story story(Policy::lru);
    story.load(b, GiB(8));
    (void)story.core.stop(b);
    story.prefetch(a);
    EXPECT_THAT(story.measured(a, GiB(4)), IsEmpty()) << "b's memory is only coming back";
    EXPECT_EQ(story.core.local(a).state, LocalState::absent);
}

TEST(Prefetch, LeavesMemoryToThoseWhoWaitForIt) {
    Story story(Policy::lru);
    story.load(b, GiB(8));
    story.acquire(1, b);
    story.acquire(2, expert);  // its server answers
    story.acquire(3, a);
    story.measured(a, GiB(9));
    EXPECT_THAT(story.prefetch(pet), IsEmpty());
    EXPECT_EQ(story.why, "requests wait for memory");
}

TEST(Prefetch, ARequestThatComesMeanwhileIsAnsweredByTheSameLoad) {
    Story story;
    story.prefetch(a);
    EXPECT_THAT(story.acquire(1, a), IsEmpty());
    EXPECT_THAT(story.measured(a, GiB(4)), ElementsAre("spawn a"));
    EXPECT_THAT(story(story.core.worker_ready(a)), ElementsAre("grant 1: a local"));
}

TEST(Prefetch, WhatNobodyHasUsedGoesForARequestAlsoUnderNeverUnload) {
    Story story;
    story.load_ahead(a, GiB(8));
    story.acquire(1, b);
    EXPECT_THAT(story.measured(b, GiB(8)), ElementsAre("stop a"));
    EXPECT_THAT(story(story.core.worker_gone(a, {})), ElementsAre("spawn b"));
}

TEST(Prefetch, ItsPlaceIsLeftAsWell) {
    Story story(Policy::never_unload, 1);
    story.load_ahead(a, GiB(1));
    EXPECT_THAT(story.acquire(1, b), ElementsAre("measure b"));
    EXPECT_THAT(story.measured(b, GiB(1)), ElementsAre("stop a"));
}

TEST(Prefetch, OnceUsedItStaysAsAnyOther) {
    Story story;
    story.load_ahead(a, GiB(8));
    story.acquire(1, a);
    (void)story.core.release(story.now, 1);
    story.acquire(2, b);
    EXPECT_THAT(story.measured(b, GiB(8)), ElementsAre("refuse 2: no_memory"));
}

TEST(Prefetch, NobodyGoesForAnotherHint) {
    Story story;
    story.load_ahead(a, GiB(8));
    story.prefetch(b);
    EXPECT_THAT(story.measured(b, GiB(8)), IsEmpty());
    EXPECT_EQ(story.core.local(a).state, LocalState::ready);
}

TEST(Prefetch, AServerThatAnswersNeedsNothing) {
    Story story;
    EXPECT_THAT(story.prefetch(expert), IsEmpty());
    EXPECT_EQ(story.why, "a server answers for it");
    story.lose(box);
    EXPECT_THAT(story.prefetch(expert), ElementsAre("measure expert"));
}

TEST(Prefetch, AServerThatSleepsIsWokenOnce) {
    Story story;
    story.lose(bed);
    EXPECT_THAT(story.prefetch(sleeper), ElementsAre("wake bed:2"));
    EXPECT_EQ(story.why, "bed:2 is woken");
}

TEST(Prefetch, NoModelInQuarantineNorWhileLoadsAreRefused) {
    Story story;
    for (int i = 0; i < 3; ++i) {
        story.prefetch(a);
        (void)story.core.measured(a, fail(Code::corrupt_file, "bad magic"));
    }
    EXPECT_THAT(story.prefetch(a), IsEmpty());
    EXPECT_EQ(story.why, "its loads have failed too often");
    (void)story.core.set_admission(false, "memory is short");
    EXPECT_THAT(story.prefetch(b), IsEmpty());
    EXPECT_EQ(story.why, "memory is short");
}

}  // namespace sarai::pool::prefetch_test
