// Every event in every state of the pool's core, and the races between them, as plain calls: no clock, no sleeping.
#include "pool/pool_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>

#include "core_support.hpp"

namespace sarai::pool::pool_core_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Lines;
using ::testing::Not;

enum : ModelIndex { chat, code, embed, cloud, hybrid, cluster, orphan };
enum : EndpointIndex { east, west };

Clock::time_point at(Clock::duration since_start) { return Clock::time_point{} + 1h + since_start; }

Error error_of(Code kind, std::string message = "broken pipe") {
    return Error{.code = kind, .message = std::move(message), .unsent = true};
}

// The core, with what it did since the last look as lines.
class Pool {
public:
    explicit Pool(Rules rules = {.budget = GiB(10)})
        : core(rules,
               {{.name = "chat", .has_local = true},
                {.name = "code", .has_local = true},
                {.name = "embed", .generative = false, .has_local = true},
                {.name = "cloud", .endpoints = {east}},
                {.name = "hybrid", .endpoints = {east, west}, .has_local = true},
                {.name = "cluster", .endpoints = {east, west}},
                {.name = "orphan"}},
               {{.name = "east:1"}, {.name = "west:2"}}) {}

    Lines operator()(Actions actions) {
        last = std::move(actions);
        return testing::lines_of(core, last);
    }
    Lines acquire(Ticket ticket, ModelIndex model, Clock::duration when = 0s) {
        return (*this)(core.acquire(at(when), ticket, model));
    }
    Lines fail_attempt(Ticket ticket, const Error& error, Clock::duration when = 0s) {
        return (*this)(core.attempt_failed(at(when), ticket, error));
    }
    Lines fail_endpoint(EndpointIndex endpoint, const Error& error, Clock::duration when = 0s) {
        return (*this)(core.endpoint_failed(at(when), endpoint, error));
    }
    Lines release(Ticket ticket, Clock::duration when = 0s) { return (*this)(core.release(at(when), ticket)); }
    Lines preload(ModelIndex model) { return (*this)(core.preload(model)); }
    Lines measured(ModelIndex model, const Result<Bytes>& planned) {
        return (*this)(core.measured(model, planned.transform([](Bytes total) { return Needs{.total = total}; })));
    }
    Lines measured(ModelIndex model, const Needs& needs) { return (*this)(core.measured(model, needs)); }
    Lines ready(ModelIndex model) { return (*this)(core.worker_ready(model)); }
    Lines gone(ModelIndex model, const Error& why = error_of(Code::unavailable, "killed by signal 9")) {
        return (*this)(core.worker_gone(model, why));
    }
    Lines stop(ModelIndex model) { return (*this)(core.stop(model)); }
    Lines probed(EndpointIndex endpoint, const Result<ProbeReport>& outcome, Clock::duration when = 0s) {
        return (*this)(core.probed(at(when), endpoint, outcome));
    }
    Lines tick(Clock::duration when) { return (*this)(core.tick(at(when))); }

    void load(ModelIndex model, Bytes bytes) {
        ASSERT_EQ(preload(model).size(), 1u);
        ASSERT_EQ(measured(model, bytes).size(), 1u);
        ready(model);
        ASSERT_EQ(core.local(model).state, LocalState::ready);
    }
    // Brings `chat` into a state; a stop() that is asked of an absent or measuring model would have no effect.
    void bring_chat_to(LocalState state) {
        if (state == LocalState::absent) return;
        preload(chat);
        if (state == LocalState::measuring) return;
        measured(chat, GiB(4));
        if (state == LocalState::loading) return;
        ready(chat);
        if (state == LocalState::stopping) stop(chat);
        ASSERT_EQ(core.local(chat).state, state);
    }
    // Of the last answer; empty where there is none, so that a broken core fails a test and does not end the program.
    Route route() const {
        const auto* grant = last.empty() ? nullptr : std::get_if<Grant>(&last.back());
        return grant ? grant->route : Route{};
    }
    Error refusal() const {
        const auto* refuse = last.empty() ? nullptr : std::get_if<Refuse>(&last.back());
        return refuse ? refuse->error : Error{};
    }
    std::string last_error(ModelIndex model) const {
        const auto& error = core.local(model).last_error;
        return error ? error->message : "none";
    }
    std::string endpoint_error(EndpointIndex endpoint) const {
        const auto& error = core.endpoint(endpoint).last_error;
        return error ? error->message : "none";
    }

    PoolCore core;
    Actions last;
};

// ---------------------------------------------------------------- the state machine, as a table

struct Event {
    const char* name;
    std::function<Lines(Pool&)> happens;
};
const Event acquired{"acquire", [](Pool& pool) { return pool.acquire(7, chat); }};
const Event preloaded{"preload", [](Pool& pool) { return pool.preload(chat); }};
const Event was_measured{"measured", [](Pool& pool) { return pool.measured(chat, GiB(4)); }};
const Event not_measured{"not measured",
                         [](Pool& pool) { return pool.measured(chat, fail(Code::corrupt_file, "bad magic")); }};
const Event became_ready{"worker_ready", [](Pool& pool) { return pool.ready(chat); }};
const Event was_reaped{"worker_gone", [](Pool& pool) { return pool.gone(chat); }};
const Event stopped{"stop", [](Pool& pool) { return pool.stop(chat); }};

struct Row {
    LocalState from;
    Event event;
    Lines actions;
    LocalState to;
};

TEST(PoolCore, EveryEventInEveryStateOfAWorker) {
    using enum LocalState;
    const Row table[] = {
        {absent, acquired, {"measure chat"}, measuring},
        {absent, preloaded, {"measure chat"}, measuring},
        {absent, was_measured, {}, absent},
        {absent, not_measured, {}, absent},
        {absent, became_ready, {}, absent},
        {absent, was_reaped, {}, absent},
        {absent, stopped, {}, absent},

        {measuring, acquired, {}, measuring},
        {measuring, preloaded, {}, measuring},
        {measuring, was_measured, {"spawn chat"}, loading},
        {measuring, not_measured, {}, absent},
        {measuring, became_ready, {}, measuring},
        {measuring, was_reaped, {}, measuring},
        {measuring, stopped, {}, measuring},

        {loading, acquired, {}, loading},
        {loading, preloaded, {}, loading},
        {loading, was_measured, {}, loading},
        {loading, not_measured, {}, loading},
        {loading, became_ready, {}, ready},
        {loading, was_reaped, {}, absent},
        {loading, stopped, {"stop chat"}, stopping},

        {ready, acquired, {"grant 7: chat local"}, ready},
        {ready, preloaded, {}, ready},
        {ready, was_measured, {}, ready},
        {ready, not_measured, {}, ready},
        {ready, became_ready, {}, ready},
        {ready, was_reaped, {}, absent},
        {ready, stopped, {"stop chat"}, stopping},

        {stopping, acquired, {}, stopping},
        {stopping, preloaded, {}, stopping},
        {stopping, was_measured, {}, stopping},
        {stopping, not_measured, {}, stopping},
        {stopping, became_ready, {}, stopping},
        {stopping, was_reaped, {}, absent},
        {stopping, stopped, {}, stopping},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(fmt::format("{} while {}", row.event.name, name_of(row.from)));
        Pool pool;
        pool.bring_chat_to(row.from);
        EXPECT_EQ(row.event.happens(pool), row.actions);
        EXPECT_EQ(pool.core.local(chat).state, row.to);
        const bool process = row.to == loading || row.to == ready || row.to == stopping;
        EXPECT_EQ(pool.core.reserved(), process ? GiB(4) : Bytes{});
        EXPECT_EQ(pool.core.tickets(), row.event.name == acquired.name ? 1u : 0u);
    }
}

TEST(PoolCore, EveryEventInEveryStateWithATicketWaiting) {
    using enum LocalState;
    const Row table[] = {
        {measuring, preloaded, {}, measuring},
        {measuring, was_measured, {"spawn chat"}, loading},
        {measuring, not_measured, {"refuse 1: corrupt_file"}, absent},
        {measuring, became_ready, {}, measuring},
        {measuring, was_reaped, {}, measuring},
        {measuring, stopped, {}, measuring},

        {loading, preloaded, {}, loading},
        {loading, was_measured, {}, loading},
        {loading, not_measured, {}, loading},
        {loading, became_ready, {"grant 1: chat local"}, ready},
        {loading, was_reaped, {"refuse 1: unavailable"}, absent},
        {loading, stopped, {"stop chat"}, stopping},

        {stopping, preloaded, {}, stopping},
        {stopping, was_measured, {}, stopping},
        {stopping, not_measured, {}, stopping},
        {stopping, became_ready, {}, stopping},
        {stopping, was_reaped, {"measure chat"}, measuring},
        {stopping, stopped, {}, stopping},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(fmt::format("{} while {}", row.event.name, name_of(row.from)));
        Pool pool;
        pool.bring_chat_to(row.from);
        ASSERT_EQ(pool.acquire(1, chat), Lines{});
        EXPECT_EQ(row.event.happens(pool), row.actions);
        EXPECT_EQ(pool.core.local(chat).state, row.to);
        const bool refused = !row.actions.empty() && row.actions[0].starts_with("refuse");
        EXPECT_EQ(pool.core.tickets(), refused ? 0u : 1u);
        EXPECT_EQ(pool.core.local(chat).leases, row.event.name == became_ready.name && row.to == ready ? 1 : 0);
    }
}

TEST(PoolCore, StatesHaveNamesForPeople) {
    EXPECT_EQ(name_of(LocalState::absent), "unloaded");
    EXPECT_EQ(name_of(LocalState::measuring), "measuring");
    EXPECT_EQ(name_of(LocalState::loading), "loading");
    EXPECT_EQ(name_of(LocalState::ready), "ready");
    EXPECT_EQ(name_of(LocalState::stopping), "stopping");
}

// ---------------------------------------------------------------- loading

TEST(PoolCore, FirstRequestLoadsTheModelAndIsGrantedWhenItIsReady) {
    Pool pool;
    EXPECT_THAT(pool.acquire(1, chat), ElementsAre("measure chat"));
    EXPECT_EQ(pool.core.reserved(), Bytes{});
    EXPECT_THAT(pool.measured(chat, GiB(4)), ElementsAre("spawn chat"));
    EXPECT_EQ(pool.core.reserved(), GiB(4));
    EXPECT_EQ(pool.core.local(chat).leases, 0);
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
    EXPECT_EQ(pool.route().reason, "local worker is the model's backend");
    EXPECT_EQ(pool.core.local(chat).leases, 1);
}

TEST(PoolCore, SecondRequestJoinsLoadInProgress) {
    Pool pool;
    pool.acquire(1, chat);
    EXPECT_EQ(pool.acquire(2, chat), Lines{});
    pool.measured(chat, GiB(4));
    EXPECT_EQ(pool.acquire(3, chat), Lines{});
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local", "grant 2: chat local", "grant 3: chat local"));
    EXPECT_EQ(pool.core.local(chat).leases, 3);
}

TEST(PoolCore, RequestJoinsAPreloadInProgress) {
    Pool pool;
    pool.preload(chat);
    EXPECT_EQ(pool.acquire(1, chat), Lines{});
    EXPECT_THAT(pool.measured(chat, GiB(1)), ElementsAre("spawn chat"));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
}

TEST(PoolCore, PreloadOfAModelWithoutAWorkerDoesNothing) {
    Pool pool;
    EXPECT_EQ(pool.preload(cloud), Lines{});
    EXPECT_EQ(pool.core.local(cloud).state, LocalState::absent);
}

TEST(PoolCore, TwoModelsLoadInParallelWithinTheBudget) {
    Pool pool;
    EXPECT_THAT(pool.acquire(1, chat), ElementsAre("measure chat"));
    EXPECT_THAT(pool.acquire(2, code), ElementsAre("measure code"));
    EXPECT_THAT(pool.measured(chat, GiB(6)), ElementsAre("spawn chat"));
    EXPECT_THAT(pool.measured(code, GiB(4)), ElementsAre("spawn code"));  // to the last byte
    EXPECT_EQ(pool.core.reserved(), GiB(10));
    EXPECT_THAT(pool.ready(code), ElementsAre("grant 2: code local"));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
}

TEST(PoolCore, LoadDoesNotBlockRequestsForModelsThatAreReady) {
    Pool pool;
    pool.load(chat, GiB(4));
    pool.acquire(1, code);
    EXPECT_THAT(pool.acquire(2, chat), ElementsAre("grant 2: chat local"));
    pool.measured(code, GiB(4));
    EXPECT_THAT(pool.acquire(3, chat), ElementsAre("grant 3: chat local"));
}

TEST(PoolCore, ReservationsOfLoadsInFlightCountAgainstTheBudget) {
    Pool pool;
    pool.acquire(1, chat);
    pool.acquire(2, code);
    pool.measured(chat, GiB(6));
    EXPECT_THAT(pool.measured(code, GiB(4) + Bytes{1}), ElementsAre("refuse 2: no_memory"));
    EXPECT_EQ(pool.core.reserved(), GiB(6));
}

TEST(PoolCore, RefusalSaysWhatWasAskedWhatIsFreeAndWhoHoldsTheRest) {
    Pool pool;
    pool.load(chat, GiB(4));
    pool.preload(embed);
    pool.measured(embed, MiB(512));
    pool.acquire(1, code);
    EXPECT_THAT(pool.measured(code, GiB(6)), ElementsAre("refuse 1: no_memory"));
    EXPECT_EQ(pool.refusal().message,
              "model 'code' does not fit: it needs 6.00 GiB (6442450944 bytes), 5.50 GiB (5905580032 bytes) of the "
              "budget of 10.00 GiB are free, held by: chat 4.00 GiB (ready, idle), embed 512 MiB (loading)");
    EXPECT_EQ(pool.refusal().hint,
              "Each of these would make it fit: unload chat with \"sarai stop chat\" (its next request waits about "
              "15.4 s for its load); set memory.policy to lru (idle models make room by themselves); set "
              "memory.max_ram to 10752MiB.");
    EXPECT_EQ(pool.core.local(code).state, LocalState::absent);
    EXPECT_EQ(pool.last_error(code), pool.refusal().message);
}

TEST(PoolCore, RefusalOfAModelThatIsTooLargeForAnEmptyPoolNamesNobody) {
    Pool pool;
    pool.acquire(1, chat);
    pool.acquire(2, chat);
    EXPECT_THAT(pool.measured(chat, GiB(11)), ElementsAre("refuse 1: no_memory", "refuse 2: no_memory"));
    EXPECT_EQ(pool.refusal().message,
              "model 'chat' does not fit: it needs 11.00 GiB (11811160064 bytes), 10.00 GiB (10737418240 bytes) of the "
              "budget of 10.00 GiB are free, held by: nobody");
    EXPECT_EQ(pool.core.tickets(), 0u);
}

TEST(PoolCore, RefusedModelMayBeAskedForAgain) {
    Pool pool;
    pool.load(chat, GiB(8));
    pool.acquire(1, code);
    ASSERT_THAT(pool.measured(code, GiB(4)), ElementsAre("refuse 1: no_memory"));
    pool.stop(chat);
    pool.gone(chat);
    EXPECT_THAT(pool.acquire(2, code), ElementsAre("measure code"));
    EXPECT_THAT(pool.measured(code, GiB(4)), ElementsAre("spawn code"));
    pool.ready(code);
    EXPECT_FALSE(pool.core.local(code).last_error);
}

TEST(PoolCore, MeasurementThatFailsRefusesEveryTicketThatWaitsWithItsOwnWords) {
    Pool pool;
    pool.acquire(1, chat);
    pool.acquire(2, chat);
    pool.acquire(3, code);
    EXPECT_THAT(pool.measured(chat, fail(Code::corrupt_file, "chat.gguf: bad magic", "Download it again.")),
                ElementsAre("refuse 1: corrupt_file", "refuse 2: corrupt_file"));
    EXPECT_EQ(pool.refusal().message, "chat.gguf: bad magic");
    EXPECT_EQ(pool.refusal().hint, "Download it again.");
    EXPECT_EQ(pool.last_error(chat), "chat.gguf: bad magic");
    EXPECT_EQ(pool.core.tickets(), 1u);
}

TEST(PoolCore, FailedPreloadLeavesItsErrorBehindAndTheNextRequestTriesAgain) {
    Pool pool;
    pool.preload(chat);
    EXPECT_EQ(pool.measured(chat, fail(Code::io, "no such disk")), Lines{});
    EXPECT_EQ(pool.last_error(chat), "no such disk");
    EXPECT_THAT(pool.acquire(1, chat), ElementsAre("measure chat"));
}

// ---------------------------------------------------------------- max_concurrent_llms

TEST(PoolCore, ModelOverTheLimitOfGenerativeModelsIsRefusedWithTheirNames) {
    Pool pool({.budget = GiB(10), .max_concurrent_llms = 2});
    pool.load(chat, GiB(1));
    pool.preload(code);
    EXPECT_THAT(pool.fail_endpoint(east, error_of(Code::unavailable)), ElementsAre());
    EXPECT_THAT(pool.fail_endpoint(west, error_of(Code::unavailable)), ElementsAre());
    EXPECT_THAT(pool.acquire(1, hybrid), ElementsAre("refuse 1: busy"));
    EXPECT_THAT(pool.refusal().message,
                HasSubstr("model 'hybrid' cannot be loaded: 2 of 2 generative models are loaded already (chat, code)"));
    EXPECT_EQ(pool.refusal().hint,
              "Raise memory.max_concurrent_llms if memory allows, unload one with \"sarai stop\", or set memory.policy "
              "to lru.");
}

TEST(PoolCore, WhereAllPlacesArePinnedNobodyIsAdvisedToUnload) {
    for (const auto policy : {Policy::lru, Policy::never_unload}) {
        PoolCore core({.budget = GiB(10), .max_concurrent_llms = 1, .policy = policy},
                      {{.name = "stays", .has_local = true, .pinned = true}, {.name = "comes", .has_local = true}}, {});
        (void)core.preload(0);
        (void)core.measured(0, Needs{.total = GiB(1)});
        (void)core.worker_ready(0);
        const auto actions = core.acquire(Clock::time_point{} + 1h, 1, 1);
        ASSERT_EQ(actions.size(), 1U);
        EXPECT_EQ(std::get<Refuse>(actions.front()).error.hint, "Raise memory.max_concurrent_llms if memory allows.");
    }
}

TEST(PoolCore, EmbeddingModelsDoNotCountAsGenerativeModels) {
    Pool pool({.budget = GiB(10), .max_concurrent_llms = 1});
    pool.load(embed, GiB(1));
    EXPECT_THAT(pool.acquire(1, chat), ElementsAre("measure chat"));
    // It takes the place when it is known that it can be loaded, and not before.
    EXPECT_THAT(pool.acquire(2, code), ElementsAre("measure code"));
    EXPECT_THAT(pool.measured(chat, fail(Code::corrupt_file, "broken")), ElementsAre("refuse 1: corrupt_file"));
    EXPECT_THAT(pool.measured(code, GiB(1)), ElementsAre("spawn code"));
    EXPECT_THAT(pool.acquire(3, chat), ElementsAre("refuse 3: busy"));

    Pool full({.budget = GiB(10), .max_concurrent_llms = 1});
    full.load(chat, GiB(1));
    EXPECT_THAT(full.acquire(1, embed), ElementsAre("measure embed"));
}

TEST(PoolCore, PlaceOfAStoppingModelIsWaitedFor) {
    Pool pool({.budget = GiB(10), .max_concurrent_llms = 1});
    pool.load(chat, GiB(1));
    pool.stop(chat);
    EXPECT_THAT(pool.acquire(1, code), ElementsAre("measure code"));
    EXPECT_EQ(pool.measured(code, GiB(1)), Lines{});  // memory there is, but two at once there may not be
    EXPECT_EQ(pool.acquire(2, chat), Lines{});
    EXPECT_THAT(pool.gone(chat), ElementsAre("spawn code", "refuse 2: busy"));
    EXPECT_THAT(pool.ready(code), ElementsAre("grant 1: code local"));
}

TEST(PoolCore, PreloadOverTheLimitOfGenerativeModelsLeavesItsErrorBehind) {
    Pool pool({.budget = GiB(10), .max_concurrent_llms = 1});
    pool.load(chat, GiB(1));
    EXPECT_EQ(pool.preload(code), Lines{});
    ASSERT_TRUE(pool.core.local(code).last_error);
    EXPECT_EQ(pool.core.local(code).last_error->code, Code::busy);
}

TEST(PoolCore, ModelThatIsGoneFreesItsPlaceAmongTheGenerativeModels) {
    Pool pool({.budget = GiB(10), .max_concurrent_llms = 1});
    pool.load(chat, GiB(1));
    ASSERT_THAT(pool.acquire(1, code), ElementsAre("refuse 1: busy"));
    pool.gone(chat);
    EXPECT_THAT(pool.acquire(2, code), ElementsAre("measure code"));
}

// ---------------------------------------------------------------- stopping and dying workers

TEST(PoolCore, ReservationIsHeldUntilTheStoppedWorkerIsReaped) {
    Pool pool;
    pool.load(chat, GiB(4));
    EXPECT_THAT(pool.stop(chat), ElementsAre("stop chat"));
    EXPECT_EQ(pool.core.reserved(), GiB(4));
    EXPECT_EQ(pool.gone(chat), Lines{});
    EXPECT_EQ(pool.core.reserved(), Bytes{});
    EXPECT_FALSE(pool.core.local(chat).last_error);  // it did what it was told
}

TEST(PoolCore, LoadWaitsForTheMemoryOfAStoppingWorker) {
    Pool pool;
    pool.load(chat, GiB(8));
    pool.stop(chat);
    EXPECT_THAT(pool.acquire(1, code), ElementsAre("measure code"));
    EXPECT_EQ(pool.measured(code, GiB(6)), Lines{});
    EXPECT_EQ(pool.core.reserved(), GiB(8));
    EXPECT_THAT(pool.gone(chat), ElementsAre("spawn code"));
    EXPECT_EQ(pool.core.reserved(), GiB(6));
    EXPECT_THAT(pool.ready(code), ElementsAre("grant 1: code local"));
}

TEST(PoolCore, LoadThatWouldNotFitEvenThenIsRefusedAtOnce) {
    Pool pool;
    pool.load(chat, GiB(4));
    pool.load(embed, GiB(6));
    pool.stop(chat);
    pool.acquire(1, code);
    EXPECT_THAT(pool.measured(code, GiB(5)), ElementsAre("refuse 1: no_memory"));
}

TEST(PoolCore, RefusalCountsMemoryThatComesBackAsFreeAndPromisedMemoryAsHeld) {
    Pool pool;
    pool.load(chat, GiB(7));
    pool.load(embed, GiB(1));
    pool.stop(chat);
    pool.preload(code);
    ASSERT_EQ(pool.measured(code, GiB(5)), Lines{});
    pool.fail_endpoint(east, error_of(Code::unavailable));
    pool.fail_endpoint(west, error_of(Code::unavailable));
    pool.acquire(1, hybrid);
    EXPECT_THAT(pool.measured(hybrid, GiB(5)), ElementsAre("refuse 1: no_memory"));
    EXPECT_EQ(pool.last_error(hybrid),
              "model 'hybrid' does not fit: it needs 5.00 GiB (5368709120 bytes), 4.00 GiB (4294967296 bytes) of the "
              "budget of 10.00 GiB are free, held by: embed 1.00 GiB (ready, idle), code 5.00 GiB (about to load)");
}

TEST(PoolCore, MemoryOfAStoppingWorkerIsPromisedToOneLoadOnly) {
    Pool pool;
    pool.load(chat, GiB(8));
    pool.stop(chat);
    pool.acquire(1, code);
    pool.acquire(2, embed);
    EXPECT_EQ(pool.measured(code, GiB(8)), Lines{});
    EXPECT_THAT(pool.measured(embed, GiB(4)), ElementsAre("refuse 2: no_memory"));
    EXPECT_THAT(pool.gone(chat), ElementsAre("spawn code"));
}

TEST(PoolCore, NewcomerDoesNotTakeTheMemoryThatAnotherLoadWaitsFor) {
    Pool pool;
    pool.load(chat, GiB(8));
    pool.stop(chat);
    pool.acquire(1, code);
    ASSERT_EQ(pool.measured(code, GiB(9)), Lines{});
    pool.acquire(2, embed);
    EXPECT_THAT(pool.measured(embed, GiB(2)), ElementsAre("refuse 2: no_memory"));  // 2 GiB are free, but code's
    pool.acquire(3, embed);
    EXPECT_THAT(pool.measured(embed, GiB(1)), ElementsAre("spawn embed"));  // code does not need this one
    EXPECT_THAT(pool.gone(chat), ElementsAre("spawn code"));
}

TEST(PoolCore, LoadsThatWaitForMemoryAreServedInOrderOfArrival) {
    Pool pool;
    pool.load(embed, GiB(6));
    pool.load(hybrid, GiB(4));
    pool.stop(embed);
    pool.stop(hybrid);
    pool.acquire(1, code);
    pool.acquire(2, chat);
    ASSERT_EQ(pool.measured(code, GiB(4)), Lines{});
    ASSERT_EQ(pool.measured(chat, GiB(4)), Lines{});
    EXPECT_THAT(pool.gone(hybrid), ElementsAre("spawn code"));
    EXPECT_THAT(pool.gone(embed), ElementsAre("spawn chat"));
}

TEST(PoolCore, LoadThatWaitsForMemoryIgnoresASecondMeasurementAndAStop) {
    Pool pool;
    pool.load(chat, GiB(8));
    pool.stop(chat);
    pool.acquire(1, code);
    pool.measured(code, GiB(6));
    EXPECT_EQ(pool.measured(code, GiB(1)), Lines{});
    EXPECT_EQ(pool.measured(code, fail(Code::io, "late")), Lines{});
    EXPECT_EQ(pool.stop(code), Lines{});
    EXPECT_THAT(pool.gone(chat), ElementsAre("spawn code"));
    EXPECT_EQ(pool.core.reserved(), GiB(6));
}

TEST(PoolCore, AbsurdlyLargePlanIsRefusedAndDoesNotWrapAround) {
    Pool pool;
    pool.load(chat, GiB(8));
    pool.acquire(1, code);
    EXPECT_THAT(pool.measured(code, Bytes{std::numeric_limits<std::int64_t>::max()}),
                ElementsAre("refuse 1: no_memory"));
    EXPECT_EQ(pool.core.reserved(), GiB(8));
}

TEST(PoolCore, LoadGoesOnWhenEveryoneWhoAskedForItHasGone) {
    Pool pool;
    pool.acquire(1, chat);
    EXPECT_EQ(pool.release(1), Lines{});
    EXPECT_THAT(pool.measured(chat, GiB(1)), ElementsAre("spawn chat"));
    EXPECT_EQ(pool.ready(chat), Lines{});
    EXPECT_THAT(pool.acquire(2, chat), ElementsAre("grant 2: chat local"));
}

TEST(PoolCore, WorkerThatDiesWhileLoadingRefusesThoseWhoWaitAndFreesItsMemory) {
    Pool pool;
    pool.acquire(1, chat);
    pool.acquire(2, chat);
    pool.measured(chat, GiB(9));
    EXPECT_THAT(pool.gone(chat, error_of(Code::unavailable, "unknown architecture")),
                ElementsAre("refuse 1: unavailable", "refuse 2: unavailable"));
    EXPECT_EQ(pool.refusal().message, "unknown architecture");
    EXPECT_EQ(pool.last_error(chat), "unknown architecture");
    EXPECT_EQ(pool.core.reserved(), Bytes{});
    EXPECT_EQ(pool.core.tickets(), 0u);
}

TEST(PoolCore, WorkerThatDiesWhileReadyKeepsItsLeasesUntilTheyAreReleased) {
    Pool pool;
    pool.load(chat, GiB(4));
    pool.acquire(1, chat);
    EXPECT_EQ(pool.gone(chat), Lines{});
    EXPECT_EQ(pool.core.local(chat).state, LocalState::absent);
    EXPECT_EQ(pool.core.local(chat).leases, 1);
    EXPECT_EQ(pool.last_error(chat), "killed by signal 9");
    pool.release(1);
    EXPECT_EQ(pool.core.local(chat).leases, 0);
}

TEST(PoolCore, TicketThatWasGrantedIsNotGrantedAgainByTheNextWorker) {
    Pool pool;
    pool.acquire(1, chat);
    pool.measured(chat, GiB(4));
    ASSERT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
    pool.gone(chat);
    pool.acquire(2, chat);
    pool.measured(chat, GiB(4));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 2: chat local"));
    EXPECT_EQ(pool.core.local(chat).leases, 2);
}

TEST(PoolCore, TicketsThatWaitForAStoppingWorkerGetTheNextOne) {
    Pool pool;
    pool.load(chat, GiB(4));
    pool.stop(chat);
    EXPECT_EQ(pool.acquire(1, chat), Lines{});
    EXPECT_EQ(pool.acquire(2, chat), Lines{});
    EXPECT_THAT(pool.gone(chat), ElementsAre("measure chat"));
    EXPECT_THAT(pool.measured(chat, GiB(4)), ElementsAre("spawn chat"));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local", "grant 2: chat local"));
}

TEST(PoolCore, StopOfALoadWithTicketsWaitingLoadsItAgainForThem) {
    Pool pool;
    pool.acquire(1, chat);
    pool.measured(chat, GiB(4));
    EXPECT_THAT(pool.stop(chat), ElementsAre("stop chat"));
    EXPECT_EQ(pool.ready(chat), Lines{});  // it had become ready when the signal was on its way
    EXPECT_THAT(pool.gone(chat), ElementsAre("measure chat"));
    pool.measured(chat, GiB(4));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
}

TEST(PoolCore, WorkerThatIsStoppedIsNotLoadedAgainForTicketsThatHaveGone) {
    Pool pool;
    pool.load(chat, GiB(4));
    pool.stop(chat);
    pool.acquire(1, chat);
    pool.release(1);
    EXPECT_EQ(pool.gone(chat), Lines{});
}

// ---------------------------------------------------------------- release

TEST(PoolCore, ReleaseWhileWaitingForgetsTheTicketAlone) {
    Pool pool;
    pool.acquire(1, chat);
    pool.acquire(2, chat);
    EXPECT_EQ(pool.release(1), Lines{});
    EXPECT_EQ(pool.core.tickets(), 1u);
    pool.measured(chat, GiB(1));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 2: chat local"));
}

TEST(PoolCore, ReleaseTwiceReturnsOneLease) {
    Pool pool;
    pool.load(chat, GiB(1));
    pool.acquire(1, chat);
    pool.acquire(2, chat);
    EXPECT_EQ(pool.core.local(chat).leases, 2);
    pool.release(1);
    pool.release(1);
    EXPECT_EQ(pool.core.local(chat).leases, 1);
    EXPECT_EQ(pool.core.tickets(), 1u);
}

TEST(PoolCore, ReleaseOfAnUnknownTicketIsIgnored) {
    Pool pool;
    EXPECT_EQ(pool.release(99), Lines{});
    pool.acquire(1, cloud);
    EXPECT_EQ(pool.release(99), Lines{});
    EXPECT_EQ(pool.core.endpoint(east).leases, 1);
}

TEST(PoolCore, ReleaseReturnsTheLeaseOfAnEndpoint) {
    Pool pool;
    pool.acquire(1, cloud);
    EXPECT_EQ(pool.core.endpoint(east).leases, 1);
    pool.release(1);
    EXPECT_EQ(pool.core.endpoint(east).leases, 0);
}

TEST(PoolCore, FailureOfATicketThatIsUnknownWaitsOrWasRefusedIsIgnored) {
    Pool pool;
    EXPECT_EQ(pool.fail_attempt(99, error_of(Code::unavailable)), Lines{});
    pool.acquire(1, chat);
    EXPECT_EQ(pool.fail_attempt(1, error_of(Code::invalid_argument)), Lines{});
    EXPECT_EQ(pool.core.tickets(), 1u);
    pool.measured(chat, GiB(99));
    EXPECT_EQ(pool.fail_attempt(1, error_of(Code::unavailable)), Lines{});
}

// ---------------------------------------------------------------- the chain

TEST(PoolCore, RequestGoesToTheFirstEndpointThatIsUp) {
    Pool pool;
    EXPECT_THAT(pool.acquire(1, hybrid), ElementsAre("grant 1: hybrid east:1"));
    EXPECT_EQ(pool.route().reason, "remote endpoint first in the chain");
    EXPECT_EQ(pool.core.endpoint(east).leases, 1);
    EXPECT_EQ(pool.core.local(hybrid).state, LocalState::absent);
}

TEST(PoolCore, EndpointThatIsDownIsPassedOverWithTheReason) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::timeout, "no answer in 30 s"), 10s);
    EXPECT_THAT(pool.acquire(1, hybrid, 15s), ElementsAre("grant 1: hybrid west:2 (fallback)"));
    EXPECT_EQ(pool.route().reason, "next endpoint, because east:1 is down since 5 s: no answer in 30 s");
}

TEST(PoolCore, LocalWorkerServesWhenEveryEndpointIsDown) {
    Pool pool;
    pool.load(hybrid, GiB(1));
    pool.fail_endpoint(east, error_of(Code::unavailable), 0s);
    pool.fail_endpoint(west, error_of(Code::unavailable, "connection refused"), 0s);
    EXPECT_THAT(pool.acquire(1, hybrid, 3s), ElementsAre("grant 1: hybrid local (fallback)"));
    EXPECT_THAT(pool.route().reason, HasSubstr("local fallback, because "));
    EXPECT_THAT(pool.route().reason, HasSubstr("west:2 is down since 3 s: connection refused"));
    EXPECT_EQ(pool.core.local(hybrid).leases, 1);
}

TEST(PoolCore, LocalFallbackIsLoadedWhenItIsNeeded) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable));
    pool.fail_endpoint(west, error_of(Code::unavailable));
    EXPECT_THAT(pool.acquire(1, hybrid), ElementsAre("measure hybrid"));
    pool.measured(hybrid, GiB(1));
    EXPECT_THAT(pool.ready(hybrid), ElementsAre("grant 1: hybrid local (fallback)"));
    EXPECT_THAT(pool.route().reason, HasSubstr("west:2 is down"));
}

TEST(PoolCore, FailureBeforeTheFirstTokenGoesToTheNextEndpointThenToTheLocalWorker) {
    Pool pool;
    pool.load(hybrid, GiB(1));
    ASSERT_THAT(pool.acquire(1, hybrid), ElementsAre("grant 1: hybrid east:1"));
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::unavailable, "connection refused")),
                ElementsAre("grant 1: hybrid west:2 (fallback)"));
    EXPECT_EQ(pool.route().reason, "next endpoint, because east:1 failed: connection refused");
    EXPECT_EQ(pool.core.endpoint(east).leases, 0);
    EXPECT_EQ(pool.core.endpoint(west).leases, 1);
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::timeout, "no first token")),
                ElementsAre("grant 1: hybrid local (fallback)"));
    EXPECT_THAT(pool.route().reason, HasSubstr("west:2 failed: no first token"));
    EXPECT_EQ(pool.core.endpoint(west).leases, 0);
    EXPECT_EQ(pool.core.local(hybrid).leases, 1);
    pool.release(1);
    EXPECT_EQ(pool.core.local(hybrid).leases, 0);
    EXPECT_EQ(pool.core.tickets(), 0u);
}

TEST(PoolCore, RemoteOnlyModelWhoseOnlyEndpointIsDownIsStillTried) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable));
    EXPECT_THAT(pool.acquire(1, cloud, 4s), ElementsAre("grant 1: cloud east:1"));
    EXPECT_EQ(pool.route().reason,
              "tried although it is down, because nothing else is left: east:1 is down since 4 s: broken pipe");
}

TEST(PoolCore, RemoteOnlyModelPrefersAnEndpointThatIsUpAndThenTriesTheOthers) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable));
    EXPECT_THAT(pool.acquire(1, cluster), ElementsAre("grant 1: cluster west:2 (fallback)"));
    EXPECT_EQ(pool.route().reason, "next endpoint, because east:1 is down since 0 s: broken pipe");
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::timeout)), ElementsAre("grant 1: cluster east:1"));
    EXPECT_EQ(pool.route().reason,
              "tried although it is down, because nothing else is left: east:1 is down since 0 s: broken pipe; west:2 "
              "failed: broken pipe");
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::unavailable, "connection refused")),
                ElementsAre("refuse 1: unavailable"));
    EXPECT_EQ(pool.refusal().message, "connection refused");
    EXPECT_EQ(pool.core.tickets(), 0u);
}

TEST(PoolCore, FailureOfTheOnlyEndpointIsTheAnswer) {
    Pool pool;
    pool.acquire(1, cloud);
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::rate_limited, "slow down")), ElementsAre("refuse 1: rate_limited"));
    EXPECT_EQ(pool.refusal().message, "slow down");
    EXPECT_EQ(pool.core.endpoint(east).leases, 0);
}

TEST(PoolCore, KnowsWhoElseCouldHaveARequestNow) {
    Pool pool;
    pool.acquire(1, hybrid);
    ASSERT_EQ(pool.route().endpoint, east);
    EXPECT_TRUE(pool.core.could_move(1, false, false)) << "the other endpoint is up";
    pool.fail_endpoint(west, error_of(Code::unavailable));
    EXPECT_FALSE(pool.core.could_move(1, false, true));
    EXPECT_TRUE(pool.core.could_move(1, true, false)) << "its worker, of which it is not known whether it fits";
    pool.acquire(2, cloud);
    EXPECT_FALSE(pool.core.could_move(2, true, true)) << "it has no other backend";
    pool.acquire(3, chat);
    EXPECT_FALSE(pool.core.could_move(3, true, true)) << "no endpoint has it";
    EXPECT_FALSE(pool.core.could_move(99, true, true)) << "there is no such request";

    Pool full;
    full.load(chat, GiB(7));
    full.acquire(1, hybrid);
    full.preload(hybrid);
    full.measured(hybrid, GiB(5));  // known to be too much beside chat
    full.fail_endpoint(west, error_of(Code::unavailable));
    EXPECT_FALSE(full.core.could_move(1, true, false));
}

TEST(PoolCore, KindsOfErrorsThatMarkAnEndpointDownOrFallBack) {
    struct Kind {
        Code code;
        bool marks_down;
        bool falls_back;
    };
    const Kind kinds[] = {
        {Code::unavailable, true, true},   {Code::timeout, true, true},
        {Code::upstream, false, true},     {Code::denied_upstream, false, true},
        {Code::not_found, false, true},    {Code::rate_limited, false, true},
        {Code::busy, false, true},         {Code::loading, false, true},
        {Code::no_memory, false, true},    {Code::unsupported, false, false},
        {Code::internal, false, true},     {Code::io, false, true},
        {Code::corrupt_file, false, true}, {Code::method_not_allowed, false, true},
        {Code::slow_request, false, true}, {Code::invalid_argument, false, false},
        {Code::cancelled, false, false},   {Code::unauthorized, false, false},
        {Code::too_large, false, false},   {Code::too_long, false, false},
    };
    for (const auto& kind : kinds) {
        SCOPED_TRACE(sarai::name_of(kind.code));
        Pool before_first_token;
        before_first_token.acquire(1, hybrid);
        const auto answer = before_first_token.fail_attempt(1, error_of(kind.code));
        if (kind.falls_back)
            EXPECT_THAT(answer, ElementsAre("grant 1: hybrid west:2 (fallback)"));
        else
            EXPECT_THAT(answer, ElementsAre(fmt::format("refuse 1: {}", sarai::name_of(kind.code))));
        EXPECT_EQ(before_first_token.core.endpoint(east).up, !kind.marks_down);
        EXPECT_EQ(before_first_token.core.endpoint(east).leases, 0);
        EXPECT_EQ(before_first_token.core.tickets(), kind.falls_back ? 1u : 0u);

        Pool after_first_token;
        after_first_token.acquire(1, hybrid);
        EXPECT_EQ(after_first_token.fail_endpoint(east, error_of(kind.code)), Lines{});
        EXPECT_EQ(after_first_token.core.endpoint(east).up, !kind.marks_down);
        EXPECT_EQ(after_first_token.core.endpoint(east).leases, 1);  // granted until released
    }
}

TEST(PoolCore, BadRequestIsRefusedByTheLocalWorkerToo) {
    Pool pool;
    pool.load(chat, GiB(1));
    pool.acquire(1, chat);
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::invalid_argument, "temperature is a number")),
                ElementsAre("refuse 1: invalid_argument"));
    EXPECT_EQ(pool.refusal().message, "temperature is a number");
    EXPECT_EQ(pool.core.local(chat).leases, 0);
}

TEST(PoolCore, RefusalOfTheFallbackMentionsWhyTheRemoteWasPassedOver) {
    Pool pool;
    pool.acquire(1, hybrid);
    pool.fail_attempt(1, error_of(Code::denied_upstream, "wrong key"));
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::timeout, "no first token")), ElementsAre("measure hybrid"));
    EXPECT_THAT(pool.measured(hybrid, GiB(11)), ElementsAre("refuse 1: no_memory"));
    EXPECT_THAT(pool.refusal().message, HasSubstr("model 'hybrid' does not fit"));
    EXPECT_TRUE(
        pool.refusal().message.ends_with(" (the local fallback was needed because east:1 failed: wrong key; "
                                         "west:2 failed: no first token)"))
        << pool.refusal().message;
    EXPECT_THAT(pool.last_error(hybrid),
                Not(HasSubstr("west:2")));  // the model's, not the request's
}

TEST(PoolCore, RefusalByTheLocalWorkerItselfMentionsWhyTheRemoteWasPassedOverToo) {
    Pool pool;
    pool.load(hybrid, GiB(1));
    pool.fail_endpoint(east, error_of(Code::unavailable, "connection refused"), 0s);
    pool.fail_endpoint(west, error_of(Code::timeout, "no route"), 3s);
    ASSERT_THAT(pool.acquire(1, hybrid, 5s), ElementsAre("grant 1: hybrid local (fallback)"));
    EXPECT_EQ(
        pool.route().reason,
        "local fallback, because east:1 is down since 5 s: connection refused; west:2 is down since 2 s: no route");
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::timeout, "no first token in 60 s"), 65s),
                ElementsAre("refuse 1: timeout"));
    EXPECT_EQ(pool.refusal().message,
              "no first token in 60 s (the local fallback was needed because east:1 is down since 5 s: connection "
              "refused; west:2 is down since 2 s: no route)");
}

TEST(PoolCore, ModelWithoutABackendIsRefused) {
    Pool pool;
    EXPECT_THAT(pool.acquire(1, orphan), ElementsAre("refuse 1: unavailable"));
    EXPECT_EQ(pool.refusal().message, "model 'orphan' has no backend");
    EXPECT_EQ(pool.core.tickets(), 0u);
}

// ---------------------------------------------------------------- a local worker fails a request

TEST(PoolCore, LocalWorkerThatDiesBeforeTheFirstTokenIsRestartedOncePerRequestAndNotTwice) {
    Pool pool;
    pool.load(chat, GiB(1));
    pool.acquire(1, chat);
    pool.gone(chat);
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::unavailable)), ElementsAre("measure chat"));
    pool.measured(chat, GiB(1));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
    EXPECT_EQ(pool.route().reason, "local worker, started again after it died");
    pool.gone(chat);
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::unavailable, "gone again")), ElementsAre("refuse 1: unavailable"));
    EXPECT_EQ(pool.refusal().message, "gone again");
    EXPECT_EQ(pool.core.tickets(), 0u);
    EXPECT_EQ(pool.core.local(chat).leases, 0);
}

TEST(PoolCore, RequestThatFailsBeforeItsWorkerIsReapedWaitsForTheRestart) {
    Pool pool;
    pool.load(chat, GiB(1));
    pool.acquire(1, chat);
    EXPECT_EQ(pool.fail_attempt(1, error_of(Code::unavailable)), Lines{});
    EXPECT_EQ(pool.core.local(chat).leases, 0);
    EXPECT_THAT(pool.gone(chat), ElementsAre("measure chat"));
    EXPECT_EQ(pool.tick(1h), Lines{});  // a load takes as long as it takes
    pool.measured(chat, GiB(1));
    EXPECT_EQ(pool.tick(2h), Lines{});
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
    EXPECT_EQ(pool.tick(3h), Lines{});  // nor is it held against the new worker
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::unavailable)), ElementsAre("refuse 1: unavailable"));
}

TEST(PoolCore, RequestWhoseWorkerTurnsOutToLiveIsRefusedWithItsFailure) {
    Pool pool({.budget = GiB(10), .reap_wait = 500ms});
    pool.load(hybrid, GiB(1));
    pool.fail_endpoint(east, error_of(Code::unavailable, "connection refused"), 10s);
    pool.fail_endpoint(west, error_of(Code::unavailable, "connection refused"), 10s);
    pool.acquire(1, hybrid, 10s);
    EXPECT_EQ(pool.fail_attempt(1, error_of(Code::unavailable, "closed without an answer"), 10s), Lines{});
    EXPECT_EQ(pool.tick(10s + 499ms), Lines{});
    EXPECT_THAT(pool.tick(10s + 500ms), ElementsAre("refuse 1: unavailable"));
    EXPECT_THAT(pool.refusal().message, HasSubstr("closed without an answer (the local fallback was needed because "));
    EXPECT_EQ(pool.core.tickets(), 0u);
    EXPECT_EQ(pool.core.local(hybrid).state, LocalState::ready);
}

TEST(PoolCore, RequestThatWaitsForAWorkersDeathMayBeReleased) {
    Pool pool;
    pool.load(chat, GiB(1));
    pool.acquire(1, chat);
    pool.fail_attempt(1, error_of(Code::unavailable));
    pool.release(1);
    EXPECT_EQ(pool.core.local(chat).leases, 0);
    EXPECT_EQ(pool.tick(1h), Lines{});
    EXPECT_EQ(pool.gone(chat), Lines{});
}

TEST(PoolCore, RequestThatFailsWhileItsWorkerIsStoppedGetsTheNextOne) {
    const auto fails = [](Pool& pool) { return pool.fail_attempt(1, error_of(Code::unavailable)); };
    const auto is_stopped = [](Pool& pool) { return pool.stop(chat); };
    for (const bool fails_first : {true, false}) {
        SCOPED_TRACE(fails_first);
        Pool pool;
        pool.load(chat, GiB(1));
        pool.acquire(1, chat);
        EXPECT_EQ(fails_first ? fails(pool) : is_stopped(pool), fails_first ? Lines{} : Lines{"stop chat"});
        EXPECT_EQ(fails_first ? is_stopped(pool) : fails(pool), fails_first ? Lines{"stop chat"} : Lines{});
        EXPECT_EQ(pool.tick(1h), Lines{});
        EXPECT_THAT(pool.gone(chat), ElementsAre("measure chat"));
        pool.measured(chat, GiB(1));
        EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
    }
}

TEST(PoolCore, LateNewsFromADeadWorkerIsNotHeldAgainstItsSuccessor) {
    Pool pool;
    pool.load(chat, GiB(1));
    pool.acquire(1, chat);
    pool.acquire(2, chat);
    pool.gone(chat);
    pool.fail_attempt(1, error_of(Code::unavailable));
    pool.measured(chat, GiB(1));
    ASSERT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local"));
    EXPECT_THAT(pool.fail_attempt(2, error_of(Code::unavailable)), ElementsAre("grant 2: chat local"));
    EXPECT_EQ(pool.core.local(chat).leases, 2);
}

TEST(PoolCore, RequestsOfADeadWorkerShareItsRestart) {
    Pool pool;
    pool.load(chat, GiB(1));
    pool.acquire(1, chat);
    pool.acquire(2, chat);
    pool.gone(chat);
    EXPECT_THAT(pool.fail_attempt(1, error_of(Code::unavailable)), ElementsAre("measure chat"));
    EXPECT_EQ(pool.fail_attempt(2, error_of(Code::unavailable)), Lines{});
    pool.measured(chat, GiB(1));
    EXPECT_THAT(pool.ready(chat), ElementsAre("grant 1: chat local", "grant 2: chat local"));
}

TEST(PoolCore, LocalWorkerThatLivesAndFailsIsNotAskedAgain) {
    for (const auto kind : {Code::upstream, Code::timeout, Code::busy, Code::internal}) {
        SCOPED_TRACE(sarai::name_of(kind));
        Pool pool;
        pool.load(chat, GiB(1));
        pool.acquire(1, chat);
        EXPECT_THAT(pool.fail_attempt(1, error_of(kind)),
                    ElementsAre(fmt::format("refuse 1: {}", sarai::name_of(kind))));
        EXPECT_EQ(pool.core.local(chat).leases, 0);
    }
}

// ---------------------------------------------------------------- quarantine

TEST(PoolCore, AModelWhoseLoadsFailThreeTimesInARowIsNotTriedAgain) {
    Pool pool;
    for (Ticket ticket = 1; ticket <= 3; ++ticket) {
        ASSERT_THAT(pool.acquire(ticket, chat), ElementsAre("measure chat"));
        if (ticket == 2) {
            pool.measured(chat, GiB(1));
            ASSERT_THAT(pool.gone(chat), ElementsAre("refuse 2: unavailable"));
        } else {
            EXPECT_THAT(pool.measured(chat, fail(Code::corrupt_file, "bad magic")),
                        ElementsAre(fmt::format("refuse {}: corrupt_file", ticket)));
        }
    }
    EXPECT_TRUE(pool.core.local(chat).quarantined);
    EXPECT_EQ(pool.core.decisions().back().event, sarai::pool::Event::quarantine);
    for (Ticket ticket = 4; ticket <= 5; ++ticket) {
        EXPECT_THAT(pool.acquire(ticket, chat), ElementsAre(fmt::format("refuse {}: corrupt_file", ticket)));
        EXPECT_EQ(pool.refusal().message, "model 'chat' is in quarantine after 3 loads that failed: bad magic");
        EXPECT_EQ(pool.refusal().hint,
                  "It is tried again when its file or its configuration changes, or with \"sarai load chat\".");
    }
    EXPECT_EQ(pool.preload(chat), Lines{});
    (void)pool.core.lift_quarantine(chat);
    EXPECT_THAT(pool.acquire(6, chat), ElementsAre("measure chat"));
}

TEST(PoolCore, ALoadThatSucceedsAndALackOfMemoryDoNotCountTowardsQuarantine) {
    Pool pool;
    const auto fail_load = [&](Ticket ticket) {
        pool.acquire(ticket, chat);
        pool.measured(chat, fail(Code::corrupt_file, "bad magic"));
    };
    fail_load(1);
    fail_load(2);
    pool.load(chat, GiB(1));
    pool.stop(chat);
    pool.gone(chat);
    fail_load(3);
    fail_load(4);
    for (Ticket ticket = 5; ticket <= 9; ++ticket) {
        pool.acquire(ticket, chat);
        EXPECT_THAT(pool.measured(chat, GiB(100)), ElementsAre(fmt::format("refuse {}: no_memory", ticket)));
    }
    for (Ticket ticket = 10; ticket <= 14; ++ticket) {
        pool.acquire(ticket, chat);
        pool.measured(chat, fail(ticket % 2 == 0 ? Code::unavailable : Code::no_memory, "a node is off, or full"));
    }
    EXPECT_FALSE(pool.core.local(chat).quarantined);
}

// ---------------------------------------------------------------- probes

TEST(PoolCore, EndpointThatIsUpIsNotProbed) {
    Pool pool;
    EXPECT_EQ(pool.tick(0s), Lines{});
    EXPECT_EQ(pool.tick(1h), Lines{});
}

TEST(PoolCore, EndpointThatIsDownIsProbedAfterTheInterval) {
    Pool pool({.budget = GiB(1), .health = {.probe_interval = 5s}});
    pool.fail_endpoint(east, error_of(Code::unavailable), 0s);
    EXPECT_EQ(pool.tick(4999ms), Lines{});
    EXPECT_THAT(pool.tick(5s), ElementsAre("probe east:1"));
}

TEST(PoolCore, ProbesOfOneEndpointNeverOverlap) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable), 0s);
    ASSERT_THAT(pool.tick(1s), ElementsAre("probe east:1"));
    EXPECT_EQ(pool.tick(2s), Lines{});
    pool.fail_endpoint(east, error_of(Code::timeout), 3s);  // a request failed meanwhile
    EXPECT_EQ(pool.tick(1h), Lines{});
    pool.probed(east, fail(Code::timeout, "still nothing"), 1h);
    EXPECT_EQ(pool.tick(1h + 1499ms), Lines{});  // half as long again with each failure
    EXPECT_THAT(pool.tick(1h + 1500ms), ElementsAre("probe east:1"));
}

TEST(PoolCore, SecondFailureOfAnEndpointThatIsDownDoesNotDelayItsProbe) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable, "first"), 0s);
    pool.fail_endpoint(east, error_of(Code::unavailable, "second"), 900ms);
    EXPECT_EQ(pool.endpoint_error(east), "second");
    EXPECT_EQ(pool.core.endpoint(east).changed, at(0s));
    EXPECT_THAT(pool.tick(1s), ElementsAre("probe east:1"));
}

TEST(PoolCore, EndpointsAreProbedIndependently) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable), 0s);
    pool.fail_endpoint(west, error_of(Code::unavailable), 500ms);
    EXPECT_THAT(pool.tick(1s), ElementsAre("probe east:1"));
    EXPECT_THAT(pool.tick(1500ms), ElementsAre("probe west:2"));
}

TEST(PoolCore, ProbeThatSucceedsReturnsRequestsToTheEndpoint) {
    Pool pool;
    pool.load(hybrid, GiB(1));
    pool.fail_endpoint(east, error_of(Code::unavailable), 0s);
    ASSERT_THAT(pool.acquire(1, hybrid), ElementsAre("grant 1: hybrid west:2 (fallback)"));
    pool.tick(1s);
    EXPECT_EQ(pool.probed(east, {}, 2s), Lines{});
    EXPECT_TRUE(pool.core.endpoint(east).up);
    EXPECT_EQ(pool.core.endpoint(east).changed, at(2s));
    EXPECT_THAT(pool.acquire(2, hybrid), ElementsAre("grant 2: hybrid east:1"));
    EXPECT_EQ(pool.tick(1h), Lines{});
}

TEST(PoolCore, ProbeThatFailsLeavesTheEndpointDownWithTheNewReason) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable), 0s);
    pool.tick(1s);
    pool.probed(east, fail(Code::timeout, "no answer in 2 s"), 3s);
    EXPECT_FALSE(pool.core.endpoint(east).up);
    EXPECT_EQ(pool.endpoint_error(east), "no answer in 2 s");
    EXPECT_EQ(pool.core.endpoint(east).changed, at(0s));  // down since then
}

TEST(PoolCore, ProbeResultOfAnEndpointThatIsUpIsIgnored) {
    Pool pool;
    pool.probed(east, fail(Code::timeout, "late"), 1s);
    EXPECT_TRUE(pool.core.endpoint(east).up);
    EXPECT_FALSE(pool.core.endpoint(east).last_error);
    EXPECT_EQ(pool.tick(1h), Lines{});
}

TEST(PoolCore, EndpointThatRecoveredAndFailsAgainIsProbedAgain) {
    Pool pool;
    pool.fail_endpoint(east, error_of(Code::unavailable), 0s);
    pool.tick(1s);
    pool.probed(east, {}, 1s);
    pool.fail_endpoint(east, error_of(Code::unavailable), 10s);
    EXPECT_EQ(pool.tick(10999ms), Lines{});
    EXPECT_THAT(pool.tick(11s), ElementsAre("probe east:1"));
}

}  // namespace
}  // namespace sarai::pool::pool_core_test
