// Health and choice of endpoints: every step of the breaker, and who is asked.
#include "pool/endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>

namespace sarai::pool::endpoints_test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using State = Endpoints::State;

enum : EndpointIndex { east, west, north };
enum : ModelIndex { chat, code };

Clock::time_point at(Clock::duration since_start) { return Clock::time_point{} + 1h + since_start; }

Error error_of(Code code, std::chrono::seconds retry_after = {}) {
    return {.code = code, .message = "it failed", .retry_after = retry_after, .unsent = true};
}

class EndpointsTest : public ::testing::Test {
protected:
    Endpoints three{{{.name = "east"}, {.name = "west", .capacity = 2}, {.name = "north", .weight = 2}}, {}};

    State state(EndpointIndex endpoint, Clock::duration when = 0s, Distance distance = Distance::any) const {
        return three.state(at(when), endpoint, distance);
    }
    void fail(EndpointIndex endpoint, Clock::duration when, const Error& error) {
        three.failed(at(when), endpoint, error, three.now_at(endpoint));
    }
    void begin(EndpointIndex endpoint, int times = 1) {
        for (int i = 0; i < times; ++i) (void)three.began(endpoint);
    }
    void answer_probe(EndpointIndex endpoint, Clock::duration when, ProbeReport report = {}) {
        three.probed(at(when), endpoint, std::move(report));
    }
    Endpoints::Choice choice(std::uint64_t conversation = 0, Distance distance = Distance::any) const {
        static constexpr std::array<EndpointIndex, 3> all{east, west, north};
        return three.choose(chat, conversation, distance, all);
    }
};

// ---------------------------------------------------------------- the breaker

TEST_F(EndpointsTest, OnlyFailuresOfTheServerAsAWholeOpenTheBreaker) {
    for (const auto code : {Code::denied_upstream, Code::not_found, Code::rate_limited, Code::upstream, Code::busy,
                            Code::invalid_argument, Code::cancelled}) {
        fail(east, 0s, error_of(code));
        EXPECT_EQ(three.view(east).breaker, Breaker::closed) << name_of(code);
    }
    fail(east, 0s, error_of(Code::timeout));
    EXPECT_EQ(three.view(east).breaker, Breaker::open);
    fail(west, 0s, error_of(Code::unavailable));
    EXPECT_EQ(state(west), State::down);
}

TEST_F(EndpointsTest, AnswersThatBreakOffOpenTheBreakerOnlyThreeInARow) {
    const Error broke_off{.code = Code::unavailable, .message = "closed in the middle"};
    for (int i = 0; i < 2; ++i) fail(east, 0s, broke_off);
    three.answered(at(0s), east);
    for (int i = 0; i < 2; ++i) fail(east, 0s, broke_off);
    EXPECT_EQ(three.view(east).breaker, Breaker::closed);
    EXPECT_EQ(three.view(east).last_error->message, "closed in the middle");
    fail(east, 0s, broke_off);
    EXPECT_EQ(three.view(east).breaker, Breaker::open);
    // But a trial is there to find out.
    answer_probe(east, 1s);
    ASSERT_TRUE(three.began(east).trial);
    fail(east, 1s, broke_off);
    EXPECT_EQ(three.view(east).breaker, Breaker::open);
}

TEST_F(EndpointsTest, AProbeThatIsAnsweredAllowsOneTrialWhoseAnswerClosesTheBreaker) {
    fail(east, 0s, error_of(Code::unavailable));
    EXPECT_THAT(three.due(at(1s)), ElementsAre(east));
    answer_probe(east, 1s);
    EXPECT_EQ(three.view(east).breaker, Breaker::half_open);
    EXPECT_TRUE(three.view(east).up);
    EXPECT_EQ(state(east, 1s), State::free);

    EXPECT_TRUE(three.began(east).trial);
    EXPECT_EQ(state(east, 1s), State::trying);
    three.answered(at(2s), east);
    EXPECT_EQ(three.view(east).breaker, Breaker::closed);
    EXPECT_EQ(state(east, 2s), State::free);
}

TEST_F(EndpointsTest, ATrialWhoseCallerLeavesMakesRoomForAnother) {
    fail(east, 0s, error_of(Code::unavailable));
    answer_probe(east, 1s);
    const auto visit = three.began(east);
    ASSERT_TRUE(visit.trial);
    three.ended(east, visit);
    EXPECT_EQ(state(east, 1s), State::free);
    EXPECT_EQ(three.view(east).breaker, Breaker::half_open);
}

TEST_F(EndpointsTest, EachTrialThatFailsDoublesTheTimeUntilTheNextUpToAMinute) {
    auto now = 0s;
    fail(east, now, error_of(Code::timeout));
    answer_probe(east, now);  // no trial has failed yet
    ASSERT_EQ(three.view(east).breaker, Breaker::half_open);
    for (const auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        const auto visit = three.began(east);
        ASSERT_TRUE(visit.trial);
        three.ended(east, visit);
        three.failed(at(now), east, error_of(Code::timeout), visit);
        answer_probe(east, now + wait - 1ms);
        EXPECT_EQ(three.view(east).breaker, Breaker::open) << wait.count();
        now += wait;
        answer_probe(east, now);
        EXPECT_EQ(three.view(east).breaker, Breaker::half_open) << wait.count();
    }
    three.answered(at(now), east);
    fail(east, now, error_of(Code::timeout));
    answer_probe(east, now);
    EXPECT_EQ(three.view(east).breaker, Breaker::half_open) << "what was before an answer is forgotten";
}

TEST_F(EndpointsTest, ATrialThatIsRefusedForTheModelsSakeClosesTheBreakerAndOneThatBreaksTheRunnerDoesNot) {
    for (const auto& [code, breaker] :
         {std::pair{Code::not_found, Breaker::closed}, std::pair{Code::denied_upstream, Breaker::closed},
          std::pair{Code::upstream, Breaker::half_open}}) {
        Endpoints one({{.name = "one"}}, {});
        one.failed(at(0s), 0, error_of(Code::unavailable), one.now_at(0));
        one.probed(at(1s), 0, ProbeReport{});
        const auto visit = one.began(0);
        ASSERT_TRUE(visit.trial);
        one.ended(0, visit);
        one.failed(at(2s), 0, error_of(code), visit);
        EXPECT_EQ(one.view(0).breaker, breaker) << name_of(code);
    }
}

TEST_F(EndpointsTest, WhatRequestsSayThatWereSentBeforeItOpenedIsOldNews) {
    const Error silent{.code = Code::timeout, .message = "silent"};
    const auto old = three.began(east);
    fail(east, 0s, error_of(Code::unavailable));
    answer_probe(east, 1s);
    const auto trial = three.began(east);
    ASSERT_TRUE(trial.trial);
    three.ended(east, old);
    three.failed(at(1s), east, silent, old);
    EXPECT_EQ(three.view(east).breaker, Breaker::half_open) << "no trial has failed";
    EXPECT_EQ(state(east, 1s), State::trying) << "and the one that runs is still alone";
    three.failed(at(2s), east, silent, trial);
    EXPECT_EQ(three.view(east).breaker, Breaker::open);
    answer_probe(east, 3s);
    ASSERT_TRUE(three.began(east).trial);
    three.ended(east, trial);  // late
    EXPECT_EQ(state(east, 3s), State::trying) << "the trial of before makes no room beside the one of now";
}

TEST_F(EndpointsTest, ProbesBackOffUpToFourSeconds) {
    fail(east, 0s, error_of(Code::unavailable));
    Clock::duration now = 0s;
    for (const auto wait : {1000ms, 1500ms, 2250ms, 3375ms, 4000ms, 4000ms}) {
        EXPECT_THAT(three.due(at(now + wait - 1ms)), IsEmpty()) << wait.count();
        now += wait;
        EXPECT_THAT(three.due(at(now)), ElementsAre(east)) << wait.count();
        EXPECT_THAT(three.due(at(now)), IsEmpty()) << "one at a time";
        three.probed(at(now), east, sarai::fail(Code::unavailable, "still down"));
    }
    EXPECT_EQ(three.view(east).last_error->message, "still down");
}

TEST(Endpoints, JitterSpreadsProbesOverAFifthAndIsTheSameForASeed) {
    const auto first_probe = [](std::uint64_t seed) {
        Endpoints one({{.name = "one"}}, {.jitter = 0.2, .seed = seed});
        one.failed(at(0s), 0, error_of(Code::unavailable), one.now_at(0));
        auto when = 0ms;
        while (one.due(at(when)).empty()) when += 1ms;
        return when;
    };
    std::set<std::chrono::milliseconds> seen;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto when = first_probe(seed);
        EXPECT_THAT(when, AllOf(Ge(800ms), Le(1200ms)));
        EXPECT_EQ(when, first_probe(seed));
        seen.insert(when);
    }
    EXPECT_GT(seen.size(), 30U);
}

TEST(Endpoints, OneThatIsUpIsCheckedNowAndThenAndDownAfterTwoChecksThatFail) {
    Endpoints one({{.name = "one"}}, {.check_interval = 10s});
    EXPECT_THAT(one.due(at(0s)), ElementsAre(0)) << "at once: where it is, is worth knowing before a request";
    one.probed(at(0s), 0, ProbeReport{});
    EXPECT_THAT(one.due(at(9s)), IsEmpty());
    EXPECT_THAT(one.due(at(10s)), ElementsAre(0));
    one.probed(at(10s), 0, fail(Code::timeout, "slow"));
    EXPECT_TRUE(one.view(0).up) << "one failure may be chance";
    EXPECT_THAT(one.due(at(11s)), ElementsAre(0)) << "soon again";
    one.probed(at(11s), 0, fail(Code::timeout, "slow"));
    EXPECT_FALSE(one.view(0).up);
    EXPECT_THAT(one.due(at(12s)), ElementsAre(0));
}

TEST_F(EndpointsTest, OneThatAsksToBeLeftAloneRestsWithoutBeingDown) {
    fail(east, 0s, error_of(Code::rate_limited, 30s));
    EXPECT_EQ(state(east, 29s), State::resting);
    EXPECT_EQ(state(east, 30s), State::free);
    EXPECT_TRUE(three.view(east).up);
    fail(east, 40s, error_of(Code::rate_limited));
    EXPECT_EQ(state(east, 40s + 999ms), State::resting) << "429 without a time";
    EXPECT_EQ(state(east, 41s), State::free);
    fail(east, 50s, error_of(Code::upstream, 7s));
    EXPECT_EQ(state(east, 56s), State::resting) << "503 with a time";
    for (const auto absurd : {std::chrono::seconds(86'400), std::chrono::seconds::max()}) {
        fail(north, 0s, error_of(Code::rate_limited, absurd));
        EXPECT_EQ(state(north, 299s), State::resting);
        EXPECT_EQ(state(north, 300s), State::free) << "five minutes at most";
    }
}

// ---------------------------------------------------------------- choice

TEST_F(EndpointsTest, OneAtItsCapacityIsFull) {
    begin(west, 2);
    EXPECT_EQ(state(west), State::full);
    three.ended(west, {});
    EXPECT_EQ(state(west), State::free);
    begin(east, 1000);
    EXPECT_EQ(state(east), State::free) << "without a limit";
}

TEST_F(EndpointsTest, TheLeastBusyForItsWeightIsChosenAndTheFirstAmongEqualOnes) {
    EXPECT_EQ(choice().endpoint, east);
    EXPECT_EQ(choice().why, "");
    begin(east);
    EXPECT_EQ(choice().endpoint, west);
    EXPECT_EQ(choice().why, "least busy");
    begin(west);
    EXPECT_EQ(choice().endpoint, north);
    begin(north);  // half a request per weight
    EXPECT_EQ(choice().endpoint, north);
    begin(north);
    EXPECT_EQ(choice().endpoint, east);
}

TEST_F(EndpointsTest, OneThatHasTheModelInMemoryComesBeforeOneThatIsIdle) {
    answer_probe(north, 0s, {.resident = {{code, chat}}});
    answer_probe(west, 0s, {.resident = {{code}}});
    begin(north, 5);
    EXPECT_EQ(choice().endpoint, north);
    EXPECT_EQ(choice().why, "the model is in its memory");
}

TEST_F(EndpointsTest, AConversationStaysWhereItWas) {
    answer_probe(north, 0s, {.resident = {{chat}}});
    three.remember(chat, 77, west);
    begin(west);
    EXPECT_EQ(choice(77).endpoint, west);
    EXPECT_EQ(choice(77).why, "this conversation was there before");
    EXPECT_EQ(choice(78).endpoint, north) << "another conversation";
    begin(west, 2);
    EXPECT_EQ(choice(77).endpoint, north) << "not where the others have much less to do";
    three.ended(west, {});
    three.ended(west, {});
    three.remember(chat, 77, east);
    EXPECT_EQ(choice(77).endpoint, east) << "where it was last";
    three.remember(chat, 0, west);
    EXPECT_EQ(choice(0).endpoint, north) << "0 is no conversation";
}

TEST_F(EndpointsTest, ConversationsAreForgottenInOrderSoThatTheyTakeBoundedMemory) {
    for (std::uint64_t conversation = 1; conversation <= 4097; ++conversation) three.remember(chat, conversation, west);
    EXPECT_EQ(choice(1).endpoint, east);
    EXPECT_EQ(choice(2).endpoint, west);
    EXPECT_EQ(choice(4097).endpoint, west);
}

TEST_F(EndpointsTest, FarOnesAreUsedAsTheModelAllows) {
    answer_probe(east, 0s, {.round_trip = 10ms});
    answer_probe(west, 0s, {.round_trip = 9ms});
    EXPECT_TRUE(three.view(east).far);
    EXPECT_FALSE(three.view(west).far);
    EXPECT_EQ(choice(0, Distance::any).endpoint, east);
    EXPECT_EQ(choice(0, Distance::lan_first).endpoint, west);
    EXPECT_EQ(choice(0, Distance::lan_first).why, "nearer");
    EXPECT_EQ(state(east, 0s, Distance::lan_only), State::far);
    EXPECT_EQ(state(west, 0s, Distance::lan_only), State::free);
}

TEST_F(EndpointsTest, DistanceIsTheLeastOfTheLastEightRoundTrips) {
    answer_probe(east, 0s, {.round_trip = 1ms});
    for (int i = 0; i < 7; ++i) answer_probe(east, 0s, {.round_trip = 50ms});
    EXPECT_EQ(three.view(east).round_trip, 1ms) << "a wireless LAN has such moments";
    answer_probe(east, 0s, {.round_trip = 50ms});
    EXPECT_EQ(three.view(east).round_trip, 50ms) << "it has moved";
}

}  // namespace
}  // namespace sarai::pool::endpoints_test
