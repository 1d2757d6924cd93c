// What models take at the same time, before any of them is loaded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::prove_test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

enum : ModelIndex { a, b, pet, expert };
enum : EndpointIndex { box };

struct Story {
    PoolCore core;
    Clock::time_point now = Clock::time_point{} + 1h;

    explicit Story(Policy policy = Policy::never_unload, int places = 3)
        : core({.budget = GiB(10), .own = GiB(1), .max_concurrent_llms = places, .policy = policy},
               {{.name = "a", .has_local = true},
                {.name = "b", .has_local = true},
                {.name = "pet", .generative = false, .has_local = true, .pinned = true},
                {.name = "expert", .endpoints = {box}, .has_local = true}},
               {{.name = "box:1"}}) {}
    void load(ModelIndex model, Bytes total) {
        (void)core.preload(model);
        (void)core.measured(model, Needs{.total = total});
        (void)core.worker_ready(model);
    }
    Proof prove(const std::vector<ModelIndex>& models, bool media = false) {
        std::vector<PoolCore::Participant> all;
        for (const auto model : models) all.push_back({.model = model, .media = media});
        return core.prove(now, all);
    }
};

}  // namespace

TEST(Prove, CountsWhatIsNeededAndWhatStays) {
    Story story;
    story.load(pet, GiB(2));
    story.core.note_needs(a, Needs{.total = GiB(3)});
    story.core.note_needs(b, Needs{.total = GiB(4)});
    const auto both = story.prove({a, b, a});
    EXPECT_TRUE(both.fits());
    EXPECT_EQ(both.needed(), GiB(7)) << "each once";
    EXPECT_EQ(both.held(), GiB(3)) << "sarai itself and the pinned one";
    EXPECT_EQ(both.peak(), GiB(10));
    story.core.note_needs(b, Needs{.total = GiB(5)});
    const auto more = story.prove({a, b});
    EXPECT_FALSE(more.fits());
    const auto error = explain(more, "pipeline 'p'");
    EXPECT_EQ(error.code, Code::no_memory);
    EXPECT_EQ(error.message,
              "pipeline 'p' does not fit: its models need 8.00 GiB at the same time (a 3.00 GiB, b 5.00 GiB), and 3.00 "
              "GiB of the "
              "budget of 10.00 GiB are held by: sarai itself 1.00 GiB, pet 2.00 GiB");
    EXPECT_EQ(error.hint, "This would make it fit: set memory.max_ram to 11264MiB.") << "pet is pinned";
}

TEST(Prove, OthersAreInTheWayUnlessThePolicyLetsThemGo) {
    for (const auto policy : {Policy::never_unload, Policy::lru}) {
        Story story(policy);
        story.load(b, GiB(5));
        story.core.note_needs(a, Needs{.total = GiB(5)});
        const auto proof = story.prove({a});
        EXPECT_EQ(proof.fits(), policy == Policy::lru);
        EXPECT_EQ(proof.peak(), GiB(10)) << "never more than the budget";
    }
}

TEST(Prove, AServerThatIsUpNeedsNoMemoryHere) {
    Story story;
    story.core.note_needs(expert, Needs{.total = GiB(20)});
    (void)story.core.probed(story.now, box, ProbeReport{});
    EXPECT_FALSE(story.core.needs_worker(story.now, expert));
    EXPECT_TRUE(story.prove({expert}).fits());
    for (int i = 0; i < 5; ++i) (void)story.core.probed(story.now, box, fail(Code::unavailable, "gone"));
    EXPECT_TRUE(story.core.needs_worker(story.now, expert));
    EXPECT_FALSE(story.prove({expert}).fits());
}

TEST(Prove, PlacesAreCountedAsWell) {
    Story story(Policy::never_unload, 1);
    story.core.note_needs(a, Needs{.total = GiB(1)});
    story.core.note_needs(b, Needs{.total = GiB(1)});
    const auto proof = story.prove({a, b, pet});
    EXPECT_FALSE(proof.fits());
    EXPECT_EQ(explain(proof, "pipeline 'p'").code, Code::busy);
    EXPECT_THAT(explain(proof, "pipeline 'p'").message, HasSubstr("makes 2 generative models"));
}

TEST(Prove, MediaCountWithWhatTheyTake) {
    PoolCore core({.budget = GiB(10)}, {{.name = "eyes", .has_local = true, .media_on_demand = true}}, {});
    const auto prove = [&](bool media) {
        const std::vector<PoolCore::Participant> all{{.model = 0, .media = media}};
        return core.prove(Clock::time_point{} + 1h, all).needed();
    };
    EXPECT_FALSE(core.knows_needs({.model = 0}));
    core.note_needs(0, Needs{.total = GiB(4)});
    EXPECT_TRUE(core.knows_needs({.model = 0}));
    EXPECT_FALSE(core.knows_needs({.model = 0, .media = true}));
    core.note_needs(0, Needs{.total = GiB(6)}, true);
    EXPECT_EQ(prove(false), GiB(4));
    EXPECT_EQ(prove(true), GiB(6));
    (void)core.preload(0);
    (void)core.measured(0, Needs{.total = GiB(4)});
    (void)core.worker_ready(0);
    EXPECT_EQ(prove(true), GiB(6)) << "its worker is there for text alone";
}

TEST(Prove, WhatIsLoadedKeepsItsReservation) {
    Story story;
    story.load(a, GiB(2));
    story.core.note_needs(a, Needs{.total = GiB(9)});
    EXPECT_EQ(story.prove({a}).needed(), GiB(2));
}

}  // namespace sarai::pool::prove_test
