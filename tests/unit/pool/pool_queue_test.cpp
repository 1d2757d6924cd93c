// Whose turn it is: slots of a worker, places at endpoints, fairness between clients, limits of the queue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::pool_queue_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Lines;

enum : ModelIndex { chat, cloud, hybrid };
enum : EndpointIndex { east, west };

Clock::time_point at(Clock::duration since_start) { return Clock::time_point{} + 1h + since_start; }

class Queue : public ::testing::Test {
protected:
    explicit Queue(QueueRules queue = {})
        : core({.budget = GiB(10)},
               {{.name = "chat", .has_local = true, .slots = 1, .queue = queue},
                {.name = "cloud", .endpoints = {east}, .queue = queue},
                {.name = "hybrid", .endpoints = {east, west}, .has_local = true}},
               {{.name = "east", .capacity = 2}, {.name = "west", .capacity = 1}}) {}

    Lines lines(Actions actions) {
        last = std::move(actions);
        return testing::lines_of(core, last);
    }
    Lines acquire(Ticket ticket, ModelIndex model, Ask ask = {}, Clock::duration when = 0s) {
        return lines(core.acquire(at(when), ticket, model, std::move(ask)));
    }
    Lines release(Ticket ticket, Clock::duration when = 0s) {
        (void)core.finished(at(when), ticket);
        return lines(core.release(at(when), ticket));
    }
    void load_chat() {
        (void)core.preload(chat);
        (void)core.measured(chat, Needs{.total = GiB(1)});
        (void)core.worker_ready(chat);
    }
    Error refusal() const {
        const auto* refuse = last.empty() ? nullptr : std::get_if<Refuse>(&last.back());
        return refuse ? refuse->error : Error{};
    }
    std::string reason() const {
        const auto* grant = last.empty() ? nullptr : std::get_if<Grant>(&last.back());
        return grant ? grant->route.reason : "";
    }

    PoolCore core;
    Actions last;
};

class ShortQueue : public Queue {
protected:
    ShortQueue() : Queue({.length = 2, .patience = 60s}) {}
};

TEST_F(Queue, AWorkerGetsNoMoreThanItsSlots) {
    load_chat();
    EXPECT_THAT(acquire(1, chat), ElementsAre("grant 1: chat local"));
    EXPECT_THAT(acquire(2, chat), ElementsAre());
    EXPECT_EQ(core.waiting(chat), 1);
    EXPECT_EQ(core.local(chat).running, 1);
    EXPECT_THAT(release(1), ElementsAre());
    EXPECT_EQ(core.local(chat).leases, 1) << "2 was served as 1 had finished";
}

TEST_F(Queue, ASlotIsFreeOnceTheWorkerHasAnsweredThoughTheClientStillReads) {
    load_chat();
    (void)acquire(1, chat);
    (void)acquire(2, chat);
    EXPECT_THAT(lines(core.finished(at(0s), 1)), ElementsAre("grant 2: chat local"));
    EXPECT_EQ(core.local(chat).leases, 2);
    EXPECT_EQ(core.local(chat).running, 1);
    EXPECT_THAT(lines(core.finished(at(0s), 1)), ElementsAre()) << "once";
}

TEST_F(Queue, AnEndpointGetsNoMoreThanItsCapacityOverAllModels) {
    EXPECT_THAT(acquire(1, cloud), ElementsAre("grant 1: cloud east"));
    EXPECT_THAT(acquire(2, hybrid), ElementsAre("grant 2: hybrid west"));
    EXPECT_EQ(reason(), "endpoint of 2: least busy");
    EXPECT_THAT(acquire(3, hybrid), ElementsAre("grant 3: hybrid east"));
    EXPECT_THAT(acquire(4, cloud), ElementsAre());
    EXPECT_THAT(acquire(5, hybrid), ElementsAre()) << "a fallback is for a loss, not for a queue";
    EXPECT_EQ(core.local(hybrid).state, LocalState::absent);
    (void)core.finished(at(0s), 2);
    EXPECT_EQ(core.endpoint(west).leases, 1) << "5 has it";
    EXPECT_EQ(core.waiting(hybrid), 0);
    EXPECT_EQ(core.waiting(cloud), 1);
}

TEST_F(Queue, ThoseThatWaitForAnEndpointThatGoesDownFallBack) {
    (void)acquire(1, hybrid);
    (void)acquire(2, hybrid);
    (void)acquire(3, hybrid);
    (void)acquire(4, hybrid);
    EXPECT_EQ(core.waiting(hybrid), 1);
    (void)core.endpoint_failed(at(1s), east, {.code = Code::unavailable, .message = "reset", .unsent = true});
    EXPECT_THAT(
        lines(core.endpoint_failed(at(1s), west, {.code = Code::unavailable, .message = "reset", .unsent = true})),
        ElementsAre("measure hybrid"));
}

TEST_F(Queue, ThoseThatWaitForAnEndpointThatGoesDownAndHaveNothingElseTryIt) {
    for (Ticket ticket = 1; ticket <= 3; ++ticket) (void)acquire(ticket, cloud);
    EXPECT_EQ(core.waiting(cloud), 1);
    const Error reset{.code = Code::unavailable, .message = "reset", .unsent = true};
    EXPECT_THAT(lines(core.endpoint_failed(at(1s), east, reset)), ElementsAre()) << "when there is a place";
    EXPECT_THAT(lines(core.attempt_failed(at(1s), 1, reset)),
                ElementsAre("refuse 1: unavailable", "grant 3: cloud east"));
    EXPECT_THAT(reason(), HasSubstr("nothing else is left"));
}

TEST_F(Queue, OneThatWasSilentIsNotTriedForWantOfOthers) {
    (void)core.endpoint_failed(at(0s), east,
                               {.code = Code::timeout, .message = "no first token within 120 s", .unsent = true});
    EXPECT_THAT(acquire(1, cloud, {}, 1s), ElementsAre("refuse 1: unavailable"));
    EXPECT_EQ(refusal().message,
              "model 'cloud' cannot be reached: east is down since 1 s: no first token within 120 s");
    EXPECT_EQ(refusal().retry_after, 4s);
}

TEST_F(Queue, ATrialIsAloneAndOthersWaitForItsOutcome) {
    (void)core.endpoint_failed(at(0s), east, {.code = Code::unavailable, .message = "reset", .unsent = true});
    (void)core.probed(at(1s), east, ProbeReport{});
    EXPECT_THAT(acquire(1, cloud, {}, 1s), ElementsAre("grant 1: cloud east"));
    EXPECT_THAT(acquire(2, cloud, {}, 1s), ElementsAre());
    EXPECT_THAT(lines(core.answered(at(2s), 1)), ElementsAre("grant 2: cloud east"));
}

TEST_F(Queue, AModelWithAFallbackDoesNotWaitForATrial) {
    (void)core.endpoint_failed(at(0s), east, {.code = Code::unavailable, .message = "reset", .unsent = true});
    (void)core.endpoint_failed(at(0s), west, {.code = Code::unavailable, .message = "reset", .unsent = true});
    (void)core.probed(at(1s), east, ProbeReport{});
    EXPECT_THAT(acquire(1, hybrid, {}, 1s), ElementsAre("grant 1: hybrid east (fallback)"));
    EXPECT_THAT(acquire(2, hybrid, {}, 1s), ElementsAre("measure hybrid"));
}

TEST_F(Queue, AnEndpointThatAskedToBeLeftAloneIsPassedOverUntilThen) {
    ASSERT_THAT(acquire(1, hybrid), ElementsAre("grant 1: hybrid east"));
    const Error busy{.code = Code::rate_limited, .message = "slow down", .retry_after = 30s};
    EXPECT_THAT(lines(core.attempt_failed(at(0s), 1, busy)), ElementsAre("grant 1: hybrid west (fallback)"));
    EXPECT_THAT(acquire(2, cloud, {}, 10s), ElementsAre("refuse 2: rate_limited"));
    EXPECT_EQ(refusal().retry_after, 20s);
    EXPECT_EQ(refusal().message, "model 'cloud' cannot be asked now: east asked to be left alone for 20 s");
    EXPECT_THAT(acquire(3, cloud, {}, 30s), ElementsAre("grant 3: cloud east"));
}

// ---------------------------------------------------------------- fairness

TEST_F(Queue, OneWhoSendsFiftyKeepsOneWhoSendsOneWaitingForASingleAnswer) {
    load_chat();
    for (Ticket ticket = 1; ticket <= 50; ++ticket) (void)acquire(ticket, chat, {.client = "many"});
    // The other one comes again as soon as it was served, five times.
    Ticket running = 1;
    for (Ticket mine = 51; mine <= 55; ++mine) {
        EXPECT_THAT(acquire(mine, chat, {.client = "one"}), ElementsAre());
        ASSERT_THAT(lines(core.finished(at(0s), running)), ElementsAre(fmt::format("grant {}: chat local", mine)));
        (void)core.release(at(0s), running);
        // The first client's next one, in order of arrival.
        const auto next = mine - 51 + 2;
        EXPECT_THAT(lines(core.finished(at(0s), mine)), ElementsAre(fmt::format("grant {}: chat local", next)));
        (void)core.release(at(0s), mine);
        running = next;
    }
}

TEST_F(Queue, FiftyThatHaveWaitedForHalfAMinuteDoNotGoBeforeTheOther) {
    load_chat();
    for (Ticket ticket = 1; ticket <= 50; ++ticket) (void)acquire(ticket, chat, {.client = "many"});
    Clock::duration now = 0s;
    Ticket running = 1;
    for (Ticket next = 2; next <= 21; ++next) {  // answers of 2 s
        now += 2s;
        ASSERT_THAT(lines(core.finished(at(now), running)), ElementsAre(fmt::format("grant {}: chat local", next)));
        running = next;
    }
    (void)acquire(51, chat, {.client = "one"}, now);
    EXPECT_THAT(lines(core.finished(at(now + 2s), running)), ElementsAre("grant 51: chat local"));
}

TEST_F(Queue, ClientsThatComeAgainAfterEachAnswerLeaveTurnsForOneThatSendsMany) {
    load_chat();
    (void)acquire(1, chat, {.client = "a"});
    (void)acquire(2, chat, {.client = "b"});
    for (Ticket ticket = 3; ticket <= 12; ++ticket) (void)acquire(ticket, chat, {.client = "many"});
    std::map<Ticket, std::string> client{{1, "a"}, {2, "b"}};
    Ticket running = 1;
    int many = 0;
    for (Ticket again = 100; again < 112; ++again) {  // a and b come back as soon as they were answered
        const auto actions = core.finished(at(0s), running);
        ASSERT_EQ(actions.size(), 1U);
        (void)core.release(at(0s), running);
        if (client.contains(running)) {
            client[again] = client[running];
            (void)acquire(again, chat, {.client = client[again]});
        }
        running = std::get<Grant>(actions.front()).ticket;
        many += client.contains(running) ? 0 : 1;
    }
    EXPECT_THAT(many, ::testing::AllOf(::testing::Ge(3), ::testing::Le(5))) << "a third of twelve";
}

TEST_F(Queue, ThoseThatWaitAreServedByAnEndpointThatHasComeBack) {
    (void)core.endpoint_failed(at(0s), east, {.code = Code::unavailable, .message = "refused", .unsent = true});
    EXPECT_THAT(acquire(1, hybrid), ElementsAre("grant 1: hybrid west (fallback)"));
    EXPECT_THAT(acquire(2, hybrid), ElementsAre()) << "west has one place";
    EXPECT_THAT(lines(core.probed(at(1s), east, ProbeReport{})), ElementsAre("grant 2: hybrid east"));
}

TEST_F(Queue, ThreeClientsTakeTurnsAtAnEndpoint) {
    for (Ticket ticket = 1; ticket <= 2; ++ticket) (void)acquire(ticket, cloud, {.client = "a"});
    for (Ticket ticket = 3; ticket <= 8; ++ticket) (void)acquire(ticket, cloud, {.client = "a"});
    for (Ticket ticket = 9; ticket <= 10; ++ticket) (void)acquire(ticket, cloud, {.client = "b"});
    for (Ticket ticket = 11; ticket <= 12; ++ticket) (void)acquire(ticket, cloud, {.client = "c"});
    std::vector<Ticket> order{1, 2};
    for (std::size_t done = 0; done < order.size(); ++done) {
        const auto actions = core.finished(at(0s), order[done]);
        for (const auto& action : actions) order.push_back(std::get<Grant>(action).ticket);
        (void)core.release(at(0s), order[done]);
    }
    EXPECT_THAT(order, ElementsAre(1, 2, 9, 11, 3, 10, 12, 4, 5, 6, 7, 8));
}

TEST_F(Queue, UrgentOnesComeFirstAndOthersComeUpWithTime) {
    load_chat();
    (void)acquire(1, chat);
    (void)acquire(2, chat, {.client = "a", .urgency = Urgency::low});
    (void)acquire(3, chat, {.client = "b"});
    (void)acquire(4, chat, {.client = "c", .urgency = Urgency::high});
    EXPECT_THAT(lines(core.finished(at(1s), 1)), ElementsAre("grant 4: chat local"));
    (void)acquire(5, chat, {.client = "d", .urgency = Urgency::high}, 59s);
    // 2 has come up two classes, and of those it was there first.
    EXPECT_THAT(lines(core.finished(at(60s), 4)), ElementsAre("grant 2: chat local"));
    EXPECT_THAT(lines(core.finished(at(60s), 2)), ElementsAre("grant 3: chat local"));
    EXPECT_THAT(lines(core.finished(at(60s), 3)), ElementsAre("grant 5: chat local"));
}

TEST_F(Queue, ARequestThatLostItsBackendGoesBeforeThoseThatHadNone) {
    load_chat();
    (void)acquire(1, chat, {.client = "a"});
    (void)acquire(2, chat, {.client = "b", .urgency = Urgency::high});
    (void)core.worker_gone(chat, {.code = Code::unavailable, .message = "killed"});
    EXPECT_THAT(lines(core.attempt_failed(at(0s), 1, {.code = Code::unavailable, .message = "reset", .unsent = true})),
                ElementsAre());
    (void)core.measured(chat, Needs{.total = GiB(1)});
    EXPECT_THAT(lines(core.worker_ready(chat)), ElementsAre("grant 1: chat local"));
}

// ---------------------------------------------------------------- loads

TEST_F(Queue, AllThatWaitedForALoadAreServedByItThoughTheWorkerHasToGoAgain) {
    PoolCore two({.budget = GiB(1), .policy = Policy::lru},
                 {{.name = "a", .has_local = true, .slots = 1}, {.name = "b", .has_local = true, .slots = 1}}, {});
    for (Ticket ticket = 1; ticket <= 3; ++ticket) (void)two.acquire(at(0s), ticket, 0);
    (void)two.acquire(at(0s), 4, 1);
    (void)two.measured(0, Needs{.total = GiB(1)});
    (void)two.measured(1, Needs{.total = GiB(1)});
    EXPECT_THAT(testing::lines_of(two, two.worker_ready(0)), ElementsAre("grant 1: a local"));
    EXPECT_TRUE(two.local(0).draining);
    EXPECT_THAT(testing::lines_of(two, two.acquire(at(0s), 5, 0)), ElementsAre()) << "came too late for this load";
    EXPECT_THAT(testing::lines_of(two, two.release(at(0s), 1)), ElementsAre("grant 2: a local"));
    EXPECT_THAT(testing::lines_of(two, two.release(at(0s), 2)), ElementsAre("grant 3: a local"));
    EXPECT_THAT(testing::lines_of(two, two.release(at(0s), 3)), ElementsAre("stop a"));
    EXPECT_THAT(testing::lines_of(two, two.worker_gone(0, {})), ElementsAre("spawn b", "measure a"));
}

// ---------------------------------------------------------------- reload

TEST_F(Queue, ARetiredWorkerAnswersWhatItHasAndGoes) {
    load_chat();
    (void)acquire(1, chat);
    (void)acquire(2, chat);
    EXPECT_THAT(lines(core.retire(at(0s), chat)), ElementsAre());
    const auto next = core.add_model({.name = "chat", .has_local = true, .slots = 1});
    EXPECT_THAT(acquire(3, next), ElementsAre("measure chat"));
    EXPECT_THAT(lines(core.finished(at(0s), 1)), ElementsAre("grant 2: chat local"));
    EXPECT_THAT(lines(core.release(at(0s), 1)), ElementsAre());
    EXPECT_THAT(release(2), ElementsAre("stop chat"));
    EXPECT_THAT(lines(core.worker_gone(chat, {})), ElementsAre());
    EXPECT_EQ(core.local(chat).state, LocalState::absent);
}

TEST_F(Queue, ARetiredModelIsNotLoadedForNobody) {
    for (const auto state : {LocalState::measuring, LocalState::loading}) {
        PoolCore one({.budget = GiB(10)}, {{.name = "chat", .has_local = true}}, {});
        (void)one.preload(0);
        if (state == LocalState::loading) (void)one.measured(0, Needs{.total = GiB(1)});
        ASSERT_EQ(one.local(0).state, state);
        auto actions = testing::lines_of(one, one.retire(at(0s), 0));
        if (state == LocalState::loading) {
            EXPECT_THAT(actions, ElementsAre("stop chat"));
        } else {
            EXPECT_THAT(testing::lines_of(one, one.measured(0, Needs{.total = GiB(1)})), ElementsAre());
            EXPECT_EQ(one.local(0).state, LocalState::absent);
        }
    }
}

TEST_F(Queue, ABusyRetiredWorkerMakesRoomForItsSuccessorWhateverThePolicy) {
    PoolCore one({.budget = GiB(10)}, {{.name = "chat", .has_local = true, .pinned = true}}, {});
    (void)one.preload(0);
    (void)one.measured(0, Needs{.total = GiB(8)});
    (void)one.worker_ready(0);
    (void)one.acquire(at(0s), 1, 0);
    (void)one.retire(at(0s), 0);
    const auto next = one.add_model({.name = "chat", .has_local = true});
    (void)one.acquire(at(0s), 2, next);
    EXPECT_THAT(testing::lines_of(one, one.measured(next, Needs{.total = GiB(8)})), ElementsAre());
    EXPECT_EQ(one.local(next).state, LocalState::queued);
    EXPECT_THAT(testing::lines_of(one, one.release(at(0s), 1)), ElementsAre("stop chat"));
    EXPECT_THAT(testing::lines_of(one, one.worker_gone(0, {})), ElementsAre("spawn chat"));
}

// ---------------------------------------------------------------- limits

TEST_F(ShortQueue, OneTooManyIsToldWhenToComeAgain) {
    load_chat();
    (void)acquire(1, chat);
    (void)acquire(2, chat);
    (void)acquire(3, chat);
    EXPECT_THAT(acquire(4, chat), ElementsAre("refuse 4: busy"));
    EXPECT_EQ(refusal().message, "model 'chat' is busy: 2 requests wait for it already");
    EXPECT_EQ(refusal().retry_after, 1s) << "nothing is known of how long one takes";
    (void)release(1, 10s);  // it took 10 s
    (void)acquire(5, chat, {}, 10s);
    EXPECT_THAT(acquire(6, chat, {}, 10s), ElementsAre("refuse 6: busy"));
    EXPECT_EQ(refusal().retry_after, 20s) << "two that wait, of 10 s each";
    EXPECT_EQ(core.expected_wait(chat), 20s);
}

TEST_F(ShortQueue, TheTimeToComeAgainCountsAllPlacesOfTheEndpoints) {
    (void)acquire(1, cloud);
    (void)acquire(2, cloud);
    (void)release(1, 10s);
    for (Ticket ticket = 3; ticket <= 5; ++ticket) (void)acquire(ticket, cloud, {}, 10s);
    EXPECT_THAT(acquire(6, cloud, {}, 10s), ElementsAre("refuse 6: busy"));
    EXPECT_EQ(refusal().retry_after, 10s) << "two that wait, of 10 s each, two at a time";
}

TEST_F(ShortQueue, OneThatHasWaitedTooLongIsRefused) {
    load_chat();
    (void)acquire(1, chat);
    (void)acquire(2, chat);
    (void)acquire(3, chat, {.patience = 5s});
    EXPECT_THAT(lines(core.tick(at(4999ms))), ElementsAre());
    EXPECT_THAT(lines(core.tick(at(5s))), ElementsAre("refuse 3: busy"));
    EXPECT_EQ(refusal().message,
              "model 'chat' was busy for all of the 5 s that the request could wait; 1 more wait for it");
    EXPECT_THAT(lines(core.tick(at(60s))), ElementsAre("refuse 2: busy")) << "the model's own limit";
    EXPECT_THAT(lines(core.tick(at(2h))), ElementsAre()) << "1 has a slot";
}

TEST_F(ShortQueue, ARequestThatLostItsBackendHasWaitedOnlySinceThen) {
    load_chat();
    (void)acquire(1, chat);
    (void)core.worker_gone(chat, {.code = Code::unavailable, .message = "killed"});
    (void)core.attempt_failed(at(70s), 1, {.code = Code::unavailable, .message = "reset"});
    EXPECT_EQ(core.waiting(chat), 1);
    EXPECT_THAT(lines(core.tick(at(71s))), ElementsAre());
    EXPECT_THAT(lines(core.tick(at(130s))), ElementsAre("refuse 1: busy"));
}

TEST_F(Queue, AShortRestIsWaitedFor) {
    (void)acquire(1, cloud);
    (void)acquire(2, cloud);
    (void)acquire(3, cloud);
    const Error busy{.code = Code::rate_limited, .message = "slow down", .retry_after = 5s};
    EXPECT_THAT(lines(core.attempt_failed(at(0s), 1, busy)), ElementsAre("refuse 1: rate_limited"));
    EXPECT_EQ(core.waiting(cloud), 1) << "the others are not sent away for it";
    EXPECT_THAT(lines(core.tick(at(4900ms))), ElementsAre());
    EXPECT_THAT(lines(core.tick(at(5s))), ElementsAre("grant 3: cloud east"));
}

TEST_F(Queue, NothingIsKeptOfClientsThatAreGone) {
    load_chat();
    for (Ticket ticket = 1; ticket <= 100; ++ticket) {
        (void)acquire(ticket, chat, {.client = fmt::format("client {}", ticket)});
        (void)release(ticket);
    }
    EXPECT_EQ(core.tickets(), 0U);
    EXPECT_EQ(core.clients(), 0U);
}

}  // namespace
}  // namespace sarai::pool::pool_queue_test
