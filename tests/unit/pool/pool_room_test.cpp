// Who makes room for whom: policies, draining, ttl, the loss of servers, and what a model gives up to fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::pool_room_test {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Lines;
using ::testing::Not;

enum : ModelIndex { a, b, c, pet, expert, cluster };
enum : EndpointIndex { box };

Clock::time_point at(Clock::duration since_start) { return Clock::time_point{} + 1h + since_start; }

// Three models, a pinned one, and two on a server: the expert has a file here as well, the cluster only a stand-in.
struct Story {
    PoolCore core;
    Clock::duration now = 0s;
    Actions last;

    static Rules rules(Policy policy) {
        return {.budget = GiB(10), .max_concurrent_llms = 5, .policy = policy, .machine = GiB(15)};
    }
    explicit Story(Policy policy) : Story(rules(policy)) {}
    explicit Story(const Rules& rules)
        : core(rules,
               {{.name = "a", .has_local = true, .priority = 20},
                {.name = "b", .has_local = true, .priority = 80, .ttl = 60s},
                {.name = "c", .has_local = true, .may_give_up = {.kv_cache_type = "q8_0", .min_context_length = 1024}},
                {.name = "pet", .generative = false, .has_local = true, .pinned = true},
                {.name = "expert", .endpoints = {box}, .has_local = true, .may_displace = {pet, a}},
                {.name = "cluster", .endpoints = {box}, .stand_in = a}},
               {{.name = "box:1"}}) {}

    Lines operator()(Actions actions) {
        last = std::move(actions);
        return testing::lines_of(core, last);
    }
    Lines acquire(Ticket ticket, ModelIndex model) { return (*this)(core.acquire(at(now), ticket, model)); }
    Lines release(Ticket ticket) { return (*this)(core.release(at(now), ticket)); }
    Lines measured(ModelIndex model, Bytes total) { return (*this)(core.measured(model, Needs{.total = total})); }
    Lines measured(ModelIndex model, const Needs& needs) { return (*this)(core.measured(model, needs)); }
    Lines ready(ModelIndex model) { return (*this)(core.worker_ready(model)); }
    Lines gone(ModelIndex model) {
        return (*this)(core.worker_gone(model, {.code = Code::unavailable, .message = "ended"}));
    }
    Lines tick(Clock::duration later = 0s) {
        now += later;
        return (*this)(core.tick(at(now)));
    }
    void lose_box() {
        (void)core.endpoint_failed(at(now), box,
                                   {.code = Code::unavailable, .message = "connection refused", .unsent = true});
    }
    Lines box_returns() { return (*this)(core.probed(at(now), box, {})); }
    // Loaded and idle.
    void load(ModelIndex model, Bytes total) {
        (void)core.preload(model);
        (void)core.measured(model, Needs{.total = total});
        (void)core.worker_ready(model);
        ASSERT_EQ(core.local(model).state, LocalState::ready);
    }
    // Loaded and answering.
    void use(Ticket ticket, ModelIndex model, Bytes total) {
        load(model, total);
        ASSERT_THAT(acquire(ticket, model), Contains(HasSubstr("grant")));
    }
    [[nodiscard]] Error refusal() const {
        for (const auto& action : last)
            if (const auto* refuse = std::get_if<Refuse>(&action)) return refuse->error;
        return {};
    }
    [[nodiscard]] std::string why(ModelIndex model) const {
        std::string text;
        for (const auto& decision : core.decisions())
            if (decision.model == model) text = std::string(name_of(decision.event)) + ": " + decision.outcome;
        return text;
    }
};

TEST(Lru, UnloadsTheIdleModelThatWasUsedLongestAgo) {
    Story story(Policy::lru);
    story.use(1, a, GiB(4));
    story.use(2, b, GiB(4));
    story.release(2);
    story.release(1);
    story.acquire(3, a);
    story.release(3);  // b is the older one now
    story.acquire(4, c);
    EXPECT_THAT(story.measured(c, GiB(5)), ElementsAre("stop b"));
    EXPECT_EQ(story.core.local(c).state, LocalState::queued);
    EXPECT_THAT(story.gone(b), ElementsAre("spawn c"));
    EXPECT_THAT(story.ready(c), ElementsAre("grant 4: c local"));
    EXPECT_EQ(story.why(b), "evict: unloaded after it was idle, to make room for 'c'");
    EXPECT_EQ(story.why(c), "wait: loads as configured and makes room: unload b");
}

TEST(Lru, UnloadsNobodyForNothing) {
    Story story(Policy::lru);
    story.load(a, GiB(1));
    story.load(b, GiB(8));
    story.acquire(1, c);
    EXPECT_THAT(story.measured(c, GiB(6)), ElementsAre("stop b")) << "a alone does not suffice, b alone does";
}

TEST(Lru, NeverUnloadsAPinnedModelNorOneThatIsBeingUsed) {
    Story story(Policy::lru);
    story.load(pet, GiB(3));
    story.use(1, a, GiB(4));
    story.acquire(2, c);
    EXPECT_THAT(story.measured(c, GiB(5)), IsEmpty());
    EXPECT_TRUE(story.core.local(a).draining);
    EXPECT_EQ(story.core.local(pet).state, LocalState::ready);
    EXPECT_THAT(story.release(1), ElementsAre("stop a"));
    EXPECT_THAT(story.gone(a), ElementsAre("spawn c"));
}

TEST(Lru, ABusyModelTakesNoFurtherTicketsOnceSomebodyWaitsForItsMemory) {
    Story story(Policy::lru);
    story.use(1, a, GiB(8));
    story.acquire(2, b);
    EXPECT_THAT(story.measured(b, GiB(8)), IsEmpty());
    EXPECT_THAT(story.acquire(3, a), IsEmpty()) << "else b would starve under steady traffic for a";
    EXPECT_THAT(story.release(1), ElementsAre("stop a"));
    EXPECT_THAT(story.gone(a), ElementsAre("spawn b", "measure a"));
    EXPECT_THAT(story.measured(a, GiB(8)), IsEmpty()) << "b serves first what it was loaded for";
    EXPECT_THAT(story.ready(b), ElementsAre("grant 2: b local"));
    EXPECT_THAT(story.release(2), ElementsAre("stop b"));
    EXPECT_THAT(story.gone(b), ElementsAre("spawn a"));
    EXPECT_THAT(story.ready(a), ElementsAre("grant 3: a local"));
}

TEST(Lru, ADrainEndsWhenTheOneWhoWaitedHasGone) {
    Story story(Policy::lru);
    story.use(1, a, GiB(8));
    story.acquire(2, b);
    story.measured(b, GiB(8));
    story.acquire(3, a);
    EXPECT_THAT(story.release(2), ElementsAre("grant 3: a local"));
    EXPECT_FALSE(story.core.local(a).draining);
    EXPECT_EQ(story.core.local(b).state, LocalState::absent);
}

TEST(Drain, AnswersEndFirstAndLaterRequestsWaitForTheNextLoad) {
    Story story(Policy::never_unload);
    story.use(1, a, GiB(4));
    EXPECT_THAT(story(story.core.drain(a)), IsEmpty());
    EXPECT_TRUE(story.core.local(a).draining);
    EXPECT_THAT(story.acquire(2, a), IsEmpty()) << "else steady traffic would keep it for ever";
    EXPECT_THAT(story.tick(1h), IsEmpty());
    EXPECT_THAT(story.release(1), ElementsAre("stop a"));
    EXPECT_THAT(story.gone(a), ElementsAre("measure a"));
    EXPECT_THAT(story.measured(a, GiB(4)), ElementsAre("spawn a"));
    EXPECT_THAT(story.ready(a), ElementsAre("grant 2: a local"));
    EXPECT_THAT(story.release(2), IsEmpty()) << "it was asked for once";
}

TEST(Drain, WhatIsIdleGoesAtOnceAndWhatIsNotThereNeedNot) {
    Story story(Policy::never_unload);
    story.load(a, GiB(4));
    EXPECT_THAT(story(story.core.drain(a)), ElementsAre("stop a"));
    EXPECT_THAT(story.gone(a), IsEmpty());
    EXPECT_THAT(story(story.core.drain(a)), IsEmpty());
    EXPECT_FALSE(story.core.local(a).drain_asked);
}

TEST(Drain, AWorkerThatLoadsServesWhomItWasLoadedFor) {
    Story story(Policy::never_unload);
    story.acquire(1, a);
    story.measured(a, GiB(4));
    EXPECT_THAT(story(story.core.drain(a)), IsEmpty());
    EXPECT_THAT(story.ready(a), ElementsAre("grant 1: a local"));
    EXPECT_THAT(story.acquire(2, a), IsEmpty());
    EXPECT_THAT(story.release(1), ElementsAre("stop a"));
    // And one that loads for nobody need not be waited for, nor comes it back.
    (void)story.core.preload(c);
    story.measured(c, GiB(1));
    EXPECT_THAT(story(story.core.drain(c)), ElementsAre("stop c"));
    EXPECT_THAT(story.gone(c), IsEmpty());
}

TEST(Drain, IsTakenBackUnlessSomebodyNeedsTheMemory) {
    Story story(Policy::lru);
    story.use(1, a, GiB(8));
    story(story.core.drain(a));
    story.acquire(2, a);
    EXPECT_THAT(story(story.core.drain(a, false)), ElementsAre("grant 2: a local"));
    EXPECT_THAT(story.release(1), IsEmpty());
    story.acquire(3, c);
    EXPECT_THAT(story.measured(c, GiB(8)), IsEmpty());
    EXPECT_THAT(story(story.core.drain(a, false)), IsEmpty());
    EXPECT_TRUE(story.core.local(a).draining);
    EXPECT_THAT(story.release(2), ElementsAre("stop a"));
}

TEST(Drain, OthersCountOnItsMemory) {
    Story story(Policy::never_unload);
    story.use(1, a, GiB(8));
    story(story.core.drain(a));
    story.acquire(2, c);
    EXPECT_THAT(story.measured(c, GiB(8)), IsEmpty()) << "it waits where it would else be refused";
    EXPECT_THAT(story.release(1), ElementsAre("stop a"));
    EXPECT_THAT(story.gone(a), ElementsAre("spawn c"));
}

TEST(Lru, AnIdleModelGoesRatherThanOneThatDrains) {
    Story story(Policy::lru);
    story.use(1, a, GiB(4));
    story.use(2, b, GiB(4));
    story.acquire(3, c);
    story.measured(c, GiB(5));
    EXPECT_TRUE(story.core.local(a).draining);
    EXPECT_THAT(story.release(2), ElementsAre("stop b"));
    EXPECT_FALSE(story.core.local(a).draining);
}

TEST(Lru, PreloadingDisplacesNobody) {
    Story story(Policy::lru);
    story.load(a, GiB(8));
    (void)story.core.preload(b);
    EXPECT_THAT(story.measured(b, GiB(8)), IsEmpty());
    EXPECT_EQ(story.core.local(b).state, LocalState::absent);
    EXPECT_THAT(story.core.local(b).last_error->message, HasSubstr("does not fit"));
}

TEST(Lru, WhatCanNeverFitIsRefusedAtOnce) {
    Story story(Policy::lru);
    story.load(pet, GiB(3));
    story.load(a, GiB(4));
    story.acquire(1, b);
    EXPECT_THAT(story.measured(b, GiB(8)), ElementsAre("refuse 1: no_memory"));
    EXPECT_EQ(story.core.local(a).state, LocalState::ready);
}

TEST(Lru, APlaceIsMadeLikeMemory) {
    auto rules = Story::rules(Policy::lru);
    rules.max_concurrent_llms = 1;
    Story story(rules);
    story.load(pet, GiB(1));
    story.load(a, GiB(1));
    story.acquire(1, b);
    EXPECT_THAT(story.measured(b, GiB(1)), ElementsAre("stop a"));
    EXPECT_THAT(story.gone(a), ElementsAre("spawn b"));
}

TEST(Lru, WhoComesLaterWaitsForThoseBefore) {
    Story story(Policy::lru);
    story.use(1, a, GiB(9));
    story.acquire(2, b);
    story.measured(b, GiB(9));
    story.acquire(3, c);
    EXPECT_THAT(story.measured(c, GiB(9)), IsEmpty()) << "not refused: it may have b's memory after b";
    story.release(1);
    EXPECT_THAT(story.gone(a), ElementsAre("spawn b"));
    EXPECT_THAT(story.ready(b), ElementsAre("grant 2: b local"));
    EXPECT_THAT(story.release(2), ElementsAre("stop b"));
    EXPECT_THAT(story.gone(b), ElementsAre("spawn c"));
}

TEST(Priority, SparesModelsAboveTheOneThatAsks) {
    Story story(Policy::priority);
    story.load(b, GiB(8));
    story.acquire(1, a);
    EXPECT_THAT(story.measured(a, GiB(8)), ElementsAre("refuse 1: no_memory"));
    story.acquire(2, c);
    EXPECT_THAT(story.measured(c, GiB(8)), ElementsAre("refuse 2: no_memory"));
    EXPECT_EQ(story.core.local(b).state, LocalState::ready);
}

TEST(Priority, UnloadsTheLowestFirst) {
    Story story(Policy::priority);
    story.load(c, GiB(4));
    story.load(a, GiB(4));
    story.acquire(1, a);
    story.release(1);  // used last, but of the lowest priority
    story.acquire(2, b);
    EXPECT_THAT(story.measured(b, GiB(6)), ElementsAre("stop a"));
}

TEST(NeverUnload, KeepsWhatIsThereAndSaysWhatWouldHelp) {
    Story story(Policy::never_unload);
    story.load(a, GiB(8));
    story.acquire(1, b);
    EXPECT_THAT(story.measured(b, GiB(8)), ElementsAre("refuse 1: no_memory"));
    EXPECT_THAT(story.refusal().hint, HasSubstr("set memory.policy to lru"));
}

TEST(Ttl, UnloadsAnIdleModelAndNoOtherAfterItsTime) {
    Story story(Policy::never_unload);
    story.use(1, b, GiB(1));
    story.load(a, GiB(1));
    EXPECT_THAT(story.tick(100s), IsEmpty()) << "it is being used";
    story.release(1);
    EXPECT_THAT(story.tick(59s), IsEmpty());
    EXPECT_THAT(story.tick(1s), ElementsAre("stop b"));
    EXPECT_EQ(story.why(b), "expire: unloaded after it was idle for its ttl of 60 s");
}

TEST(OnLoss, TheFallbackDisplacesWhatItMayInItsOrderAndNoMore) {
    Story story(Policy::never_unload);
    story.load(a, GiB(3));
    story.load(b, GiB(2));
    story.load(pet, GiB(2));
    story.lose_box();
    story.acquire(1, expert);
    EXPECT_THAT(story.measured(expert, GiB(5)), ElementsAre("stop pet")) << "3 free, 2 of the pet suffice";
    EXPECT_THAT(story.gone(pet), ElementsAre("spawn expert"));
    EXPECT_THAT(story.ready(expert), ElementsAre("grant 1: expert local (fallback)"));
}

TEST(OnLoss, TheListsOrderHoldsAlsoWhereItsFirstIsBusy) {
    Story story(Policy::never_unload);
    story.load(a, GiB(3));
    story.load(b, GiB(2));
    story.use(7, pet, GiB(2));
    story.lose_box();
    story.acquire(1, expert);
    EXPECT_THAT(story.measured(expert, GiB(5)), IsEmpty()) << "what the plan proved, once the pet has answered";
    EXPECT_EQ(story.core.local(a).state, LocalState::ready);
    EXPECT_THAT(story.release(7), ElementsAre("stop pet"));
    EXPECT_THAT(story.gone(pet), ElementsAre("spawn expert"));
}

TEST(OnLoss, WhatWasDisplacedComesBackOnceTheServerIsUpForGood) {
    Story story(Policy::never_unload);
    story.load(a, GiB(3));
    story.load(b, GiB(3));
    story.load(pet, GiB(2));
    story.lose_box();
    story.acquire(1, expert);
    story.measured(expert, GiB(7));
    story.gone(pet);
    story.gone(a);
    story.ready(expert);
    story.release(1);
    EXPECT_THAT(story.tick(100s), ElementsAre("probe box:1", "stop b")) << "b goes by its ttl, nothing else";
    story.gone(b);
    story.box_returns();
    EXPECT_THAT(story.tick(29s), IsEmpty()) << "it may go again";
    EXPECT_THAT(story.tick(1s), ElementsAre("stop expert"));
    EXPECT_THAT(story.gone(expert), IsEmpty());
    EXPECT_THAT(story.tick(), ElementsAre("measure pet", "measure a"));
    EXPECT_THAT(story.why(expert), HasSubstr("restore: its server is back"));
}

TEST(OnLoss, ADisplacedModelThatIsAskedForDoesNotWaitForThat) {
    Story story(Policy::never_unload);
    story.load(a, GiB(8));
    story.lose_box();
    story.acquire(1, expert);
    story.measured(expert, GiB(8));
    story.gone(a);
    story.ready(expert);
    story.release(1);
    story.acquire(2, a);
    EXPECT_THAT(story.measured(a, GiB(8)), ElementsAre("refuse 2: no_memory")) << "while the server is away";
    story.box_returns();
    story.acquire(3, a);
    EXPECT_THAT(story.measured(a, GiB(8)), ElementsAre("stop expert"));
}

TEST(OnLoss, AnotherModelStandsInAndSaysSo) {
    Story story(Policy::never_unload);
    story.load(a, GiB(1));
    EXPECT_THAT(story.acquire(1, cluster), ElementsAre("grant 1: cluster box:1"));
    story.lose_box();
    EXPECT_THAT(story.acquire(2, cluster), ElementsAre("grant 2: a local (fallback)"));
    const auto& route = std::get<Grant>(story.last.front()).route;
    EXPECT_EQ(route.reason, "model 'a' stands in for 'cluster', because box:1 is down since 0 s: connection refused");
    story.release(2);
    EXPECT_EQ(story.core.local(a).leases, 0);
    // Also for the one who found out.
    EXPECT_THAT(story(story.core.attempt_failed(at(0s), 1, {.code = Code::unavailable, .message = "reset"})),
                ElementsAre("grant 1: a local (fallback)"));
}

TEST(OnLoss, RepeatedFallbacksAreOneDecisionThatIsCounted) {
    Story story(Policy::never_unload);
    story.load(a, GiB(1));
    story.lose_box();
    for (Ticket ticket = 1; ticket <= 5; ++ticket) story.acquire(ticket, cluster);
    const auto& decision = story.core.decisions().back();
    EXPECT_EQ(decision.event, Event::fallback);
    EXPECT_EQ(decision.times, 5);
}

const Needs large{.total = GiB(9), .kv_cache = GiB(4), .prompt_cache = GiB(1), .context_length = 4096};

TEST(Ladder, StepsDownFromTheCheapestToTheDearest) {
    const auto steps = steps_down(large, {.kv_cache_type = "q8_0", .min_context_length = 1024});
    Lines lines;
    for (const auto& step : steps) lines.push_back(describe(step.reduction) + ": " + to_string(step.total));
    EXPECT_THAT(lines,
                ElementsAre("without its prompt cache: 8.00 GiB", "without its prompt cache, KV cache q8_0: 6.12 GiB",
                            "without its prompt cache, KV cache q8_0, context 2048: 5.06 GiB",
                            "without its prompt cache, KV cache q8_0, context 1024: 4.53 GiB"));
}

TEST(Ladder, GivesUpNothingThatWasNotAllowed) {
    EXPECT_EQ(steps_down(large, {}).size(), 1U);  // the prompt cache
    EXPECT_TRUE(steps_down({.total = GiB(9), .kv_cache = GiB(4), .context_length = 4096}, {}).empty());
}

TEST(Ladder, LeavesTheCacheOfHeadsThatCannotBeQuantisedAlone) {
    const Needs odd{.total = GiB(9), .kv_cache = GiB(4), .context_length = 4096, .kv_quantisable = false};
    EXPECT_TRUE(steps_down(odd, {.kv_cache_type = "q8_0"}).empty());
    EXPECT_EQ(with_kv_cache_type(odd, "q8_0"), GiB(9));
}

TEST(Ladder, TheFirstStepThatFitsIsMeasuredBeforeItIsReserved) {
    Story story(Policy::never_unload);
    story.load(a, GiB(3));
    story.acquire(1, c);
    EXPECT_THAT(story.measured(c, large), ElementsAre("measure c (without its prompt cache, KV cache q8_0)"));
    EXPECT_THAT(story.measured(c, Needs{.total = GiB(6), .kv_cache = GiB(2), .context_length = 4096}),
                ElementsAre("spawn c (without its prompt cache, KV cache q8_0)"));
    EXPECT_EQ(story.core.local(c).reserved, GiB(6));
}

TEST(Ladder, AStepThatTurnsOutTooLargeIsFollowedByTheNext) {
    Story story(Policy::never_unload);
    story.load(a, GiB(3));
    story.acquire(1, c);
    story.measured(c, large);
    EXPECT_THAT(story.measured(c, Needs{.total = GiB(8), .kv_cache = GiB(4), .context_length = 4096}),
                ElementsAre("measure c (without its prompt cache, KV cache q8_0, context 2048)"));
    EXPECT_THAT(story.measured(c, Needs{.total = GiB(7) + MiB(1), .kv_cache = GiB(3), .context_length = 2048}),
                ElementsAre("measure c (without its prompt cache, KV cache q8_0, context 1024)"));
    EXPECT_THAT(story.measured(c, Needs{.total = GiB(8), .kv_cache = GiB(4), .context_length = 1024}),
                ElementsAre("refuse 1: no_memory"))
        << "it may give up no more";
}

TEST(Ladder, GivesUpNothingTwice) {
    const Reduction given{.without_prompt_cache = true, .kv_cache_type = "q8_0", .context_length = 2048};
    const auto steps = steps_down(large, {.kv_cache_type = "q8_0", .min_context_length = 1024}, given);
    ASSERT_EQ(steps.size(), 1U) << "whatever was measured";
    EXPECT_EQ(describe(steps.front().reduction), "without its prompt cache, KV cache q8_0, context 1024");
    EXPECT_TRUE(
        steps_down(large, {.kv_cache_type = "q8_0", .min_context_length = 1024}, steps.front().reduction).empty());
}

TEST(Ladder, GoesSmallerRatherThanUnloadEvenWhatIsBackInAMoment) {
    Story story(Policy::lru);
    (void)story.core.preload(a);
    (void)story.core.measured(a, Needs{.total = GiB(3), .load_time = 1ms});
    (void)story.core.worker_ready(a);
    story.acquire(1, c);
    EXPECT_THAT(story.measured(c, large), ElementsAre("measure c (without its prompt cache, KV cache q8_0)"));
    const auto& options = story.core.decisions().back().options;
    ASSERT_EQ(options.size(), 5U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(options[i].cost, expected_load(large));
    EXPECT_EQ(options.back().what, "unload a");
    EXPECT_EQ(options.back().cost, expected_load(large) + 200ms + 1ms) << "its own load, the other's end and its next";
}

TEST(Ladder, UnloadsWhereNothingThatMayBeGivenUpIsEnough) {
    Story story(Policy::lru);
    story.load(a, GiB(6));
    story.acquire(1, c);
    EXPECT_THAT(story.measured(c, large), ElementsAre("stop a"));
    const auto& decisions = story.core.decisions();
    const auto mine = std::ranges::find(decisions, std::size_t{c}, &Decision::model);
    ASSERT_NE(mine, decisions.end());
    EXPECT_EQ(mine->outcome, "loads as configured and makes room: unload a");
    ASSERT_EQ(mine->options.size(), 5U);
    EXPECT_EQ(mine->options[3].note, "still too large");
    EXPECT_FALSE(mine->options[3].possible);
}

TEST(Ladder, ContextsAreBoundedByTheEnginesPadding) {
    EXPECT_EQ(longest_context(large, GiB(7)), 2048);
    EXPECT_EQ(longest_context(large, GiB(7) - MiB(1)), 1792);
    EXPECT_EQ(longest_context(large, GiB(1)), 0);
    EXPECT_EQ(longest_context({.total = GiB(9)}, GiB(5)), 0) << "unknown contexts do not shrink";
}

TEST(Ladder, EachSlotIsPaddedByItself) {
    const Needs needs{.total = GiB(9), .kv_cache = GiB(4), .context_length = 16384, .parallel = 4};
    EXPECT_EQ(with_context(needs, 15872), GiB(9)) << "3968 tokens of a slot are padded to the 4096 that it had";
    EXPECT_EQ(with_context(needs, 15360), GiB(9) - MiB(256));
    EXPECT_EQ(longest_context(needs, GiB(9) - Bytes{1}), 15360);
    const Needs little{.total = GiB(2), .kv_cache = GiB(1), .context_length = 1024, .parallel = 4};
    EXPECT_TRUE(steps_down(little, {.min_context_length = 256}).empty()) << "half of it takes as much";
    Lines lines;
    for (const auto& step : steps_down(needs, {.min_context_length = 1500})) lines.push_back(describe(step.reduction));
    EXPECT_THAT(lines, ElementsAre("context 8192", "context 4096", "context 2048"));
}

TEST(Ladder, NoContextIsAdvisedThatAConfigurationDoesNotTake) {
    EXPECT_EQ(longest_context(large, GiB(7), 2048), 2048);
    EXPECT_EQ(longest_context(large, GiB(7) - MiB(1), 2048), 0);
    Story story(Policy::never_unload);
    story.load(a, GiB(8));
    story.acquire(1, c);
    story.measured(c, Needs{.total = GiB(3), .kv_cache = GiB(2), .context_length = 2048});
    EXPECT_THAT(story.refusal().hint, Not(HasSubstr("context_length"))) << "512 tokens, of at least 1024";
}

TEST(Budget, ASmallerOneHoldsOnceWhatIsReservedHasGone) {
    Story story(Policy::never_unload);
    story.load(a, GiB(6));
    EXPECT_THAT(story(story.core.set_budget(GiB(4))), IsEmpty());
    EXPECT_EQ(story.core.rules().budget, GiB(6));
    (void)story.core.stop(a);
    story.gone(a);
    EXPECT_EQ(story.core.rules().budget, GiB(4));
    story.acquire(1, b);
    EXPECT_THAT(story.measured(b, GiB(5)), ElementsAre("refuse 1: no_memory"));
}

TEST(Budget, IdleModelsGoForASmallerOneWhereThePolicyAllows) {
    Story story(Policy::lru);
    story.use(1, a, GiB(4));
    story.load(b, GiB(4));
    EXPECT_THAT(story(story.core.set_budget(GiB(5))), ElementsAre("stop b"));
    story.gone(b);
    EXPECT_EQ(story.core.rules().budget, GiB(5));
}

TEST(Aside, IsReservedAndALoadThatLacksItWaitsForItsEnd) {
    Story story(Policy::never_unload);  // of 10 GiB
    using enum PoolCore::Aside;
    Actions none;
    story.load(a, GiB(4));
    EXPECT_EQ(story.core.set_aside(GiB(3), none), granted);
    EXPECT_EQ(story.core.reserved(), GiB(7));
    story.acquire(1, b);
    EXPECT_THAT(story.measured(b, GiB(4)), IsEmpty()) << "nobody is refused for what passes";
    EXPECT_EQ(story.core.set_aside(GiB(1), none), later) << "nor waits longer for who comes after";
    EXPECT_THAT(story(story.core.give_back(GiB(3))), ElementsAre("spawn b"));
    EXPECT_EQ(story.core.set_aside(GiB(1), none), granted);
    EXPECT_EQ(story.core.reserved(), GiB(9));
    story(story.core.give_back(GiB(1)));
    EXPECT_EQ(story.core.aside(), Bytes{});
    story.acquire(2, c);
    EXPECT_THAT(story.measured(c, GiB(3)), ElementsAre("refuse 2: no_memory"));
    EXPECT_THAT(none, IsEmpty());
}

TEST(Aside, IsNeverMoreThanIsFree) {
    Story story(Policy::never_unload);
    using enum PoolCore::Aside;
    Actions none;
    story.load(a, GiB(8));
    EXPECT_EQ(story.core.set_aside(GiB(4), none), never) << "a is idle, and stays";
    EXPECT_THAT(none, IsEmpty());
    const auto error = story.core.no_room_for(GiB(4), "converting it");
    EXPECT_EQ(error.code, Code::no_memory);
    EXPECT_EQ(error.message,
              "there is no memory for converting it: it needs up to 4.00 GiB (4294967296 bytes), 2.00 GiB (2147483648 "
              "bytes) of the budget of 10.00 GiB are free, held by: a 8.00 GiB (ready, idle)");
    EXPECT_THAT(error.hint, HasSubstr("unload a with \"sarai stop a\""));
    EXPECT_THAT(error.hint, HasSubstr("set memory.policy to lru"));
    EXPECT_THAT(error.hint, HasSubstr("set memory.max_ram to 12288MiB"));
    EXPECT_EQ(story.core.set_aside(GiB(2), none), granted);
    EXPECT_EQ(story.core.set_aside(GiB(1), none), later) << "the other one ends";
    EXPECT_THAT(story(story.core.set_budget(GiB(9))), IsEmpty());
    EXPECT_EQ(story.core.rules().budget, GiB(10)) << "until it is given back";
    story(story.core.give_back(GiB(2)));
    EXPECT_EQ(story.core.rules().budget, GiB(9));
}

TEST(Aside, MakesWhoIsIdleGoWhereThePolicyAllowsIt) {
    Story story(Policy::lru);
    using enum PoolCore::Aside;
    Actions out;
    story.load(a, GiB(4));
    story.load(b, GiB(5));
    EXPECT_EQ(story.core.set_aside(GiB(11), out), never) << "all of them would not do";
    EXPECT_THAT(out, IsEmpty());
    EXPECT_EQ(story.core.set_aside(GiB(3), out), later);
    EXPECT_THAT(story(std::exchange(out, {})), ElementsAre("stop a"));
    story(story.core.worker_gone(a, {}));
    EXPECT_EQ(story.core.set_aside(GiB(3), out), granted);
    EXPECT_THAT(out, IsEmpty());
}

TEST(Aside, WhatSaraiKeepsIsItsOwnAndNobodyWaitsForIt) {
    Story story(Policy::never_unload);
    using enum PoolCore::Aside;
    Actions out;
    const auto own = story.core.rules().own;
    EXPECT_EQ(story.core.keep(GiB(3), out), granted);
    EXPECT_EQ(story.core.keep(GiB(4), out), granted);
    EXPECT_EQ(story.core.rules().own, own + GiB(4)) << "a total, not one more";
    EXPECT_EQ(story.core.aside(), Bytes{});
    story.acquire(1, a);
    EXPECT_THAT(story(story.core.measured(a, Needs{.total = GiB(7)})), ElementsAre("refuse 1: no_memory"));
    EXPECT_EQ(story.core.keep(GiB(11), out), never);
    EXPECT_EQ(story.core.rules().own, own + GiB(4));
    EXPECT_EQ(story.core.keep({}, out), granted);
    EXPECT_EQ(story.core.rules().own, own);
    EXPECT_EQ(story.core.reserved(), own);
}

TEST(Aside, IsNotGrantedWhileTheMachineIsShort) {
    Story story(Policy::never_unload);
    Actions out;
    story(story.core.set_admission(false, "the machine is short of memory"));
    EXPECT_EQ(story.core.set_aside(GiB(1), out), PoolCore::Aside::never);
    EXPECT_EQ(story.core.no_room_for(GiB(1), "converting it").message,
              "there is no memory for converting it now: the machine is short of memory");
}

TEST(Unload, IsRefusedWhileSomebodyUsesTheModel) {
    Story story(Policy::never_unload);
    story.use(1, a, GiB(1));
    const auto refused = story.core.unload(a);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::busy);
    story.release(1);
    EXPECT_TRUE(story.core.unload(a).has_value());
}

}  // namespace
}  // namespace sarai::pool::pool_room_test
