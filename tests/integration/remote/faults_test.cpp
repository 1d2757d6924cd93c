#include "remote_test.hpp"

namespace sarai::remote::faults_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class RemoteFaults : public RemoteTest {};

}  // namespace

TEST_P(RemoteFaults, ARefusedConnectionIsUnavailable) {
    upstream.refuse();
    const auto failed = stream();
    ASSERT_TRUE(failed.error.has_value());
    EXPECT_FALSE(failed.accepted);
    EXPECT_EQ(failed.error->code, Code::unavailable);
    EXPECT_THAT(failed.error->message, HasSubstr("cannot connect"));
    upstream.listen();
    EXPECT_TRUE(stream().good());
}

TEST_P(RemoteFaults, AServerThatStaysSilentRunsIntoTheFirstTokensBudget) {
    budgets.first_token = 150ms;
    const auto failed = fails_then_recovers({.fault = Fault::silent});
    EXPECT_FALSE(failed.accepted);
    EXPECT_EQ(failed.error->code, Code::timeout);
    EXPECT_THAT(failed.error->message, StartsWith("box: "));
    EXPECT_TRUE(upstream.wait_for_disconnects(1));
}

TEST_P(RemoteFaults, AHeadWithoutABodyRunsIntoTheFirstTokensBudgetToo) {
    budgets.first_token = 150ms;
    const auto failed = fails_then_recovers({.fault = Fault::stall, .after = 0});
    EXPECT_TRUE(failed.accepted);
    EXPECT_EQ(failed.error->code, Code::timeout);
    EXPECT_EQ(failed.error->message, "box: the answer did not begin within 150 ms");
}

TEST_P(RemoteFaults, SilenceInTheMiddleHasABudgetOfItsOwn) {
    budgets.silence = 150ms;
    const auto failed = fails_then_recovers({.fault = Fault::stall});
    EXPECT_EQ(failed.text, FakeUpstream::text(2));
    EXPECT_EQ(failed.error->code, Code::timeout);
    EXPECT_EQ(failed.error->message, "box: nothing came for 150 ms in the middle of the answer");
    EXPECT_TRUE(upstream.wait_for_disconnects(1));
}

TEST_P(RemoteFaults, HeartbeatsAreNoAnswer) {
    budgets.silence = 150ms;
    budgets.first_token = 200ms;
    EXPECT_EQ(fails_then_recovers({.fault = Fault::heartbeat}).error->message,
              "box: nothing came for 150 ms in the middle of the answer");
    EXPECT_EQ(fails_then_recovers({.fault = Fault::heartbeat, .after = 0}).error->message,
              "box: the answer did not begin within 200 ms");
}

TEST_P(RemoteFaults, AConnectionThatBreaksIsUnavailableAndWhatCameBeforeIsKept) {
    for (const auto fault : {Fault::truncate, Fault::clean_close}) {
        const auto failed = fails_then_recovers({.fault = fault});
        EXPECT_TRUE(failed.accepted);
        EXPECT_EQ(failed.text, FakeUpstream::text(2));
        EXPECT_EQ(failed.error->code, Code::unavailable);
        EXPECT_THAT(failed.error->message, HasSubstr("in the middle of its answer"));
    }
    // A reset may overtake what was sent before it.
    const auto reset = fails_then_recovers({.fault = Fault::reset});
    EXPECT_EQ(reset.error->code, Code::unavailable);
    EXPECT_THAT(FakeUpstream::text(2), StartsWith(reset.text));
}

TEST_P(RemoteFaults, ACloseBeforeTheFirstTokenSaysSo) {
    const auto failed = fails_then_recovers({.fault = Fault::clean_close, .after = 0});
    EXPECT_EQ(failed.error->code, Code::unavailable);
    EXPECT_EQ(failed.error->message, "box: the server closed the stream before its answer began");
}

TEST_P(RemoteFaults, GarbageIsQuoted) {
    const auto failed = fails_then_recovers({.fault = Fault::garbage});
    EXPECT_EQ(failed.text, FakeUpstream::text(2));
    EXPECT_EQ(failed.error->code, Code::upstream);
    EXPECT_THAT(failed.error->message, HasSubstr(R"({"choices":[{"delta":{"conte#!)"));
}

TEST_P(RemoteFaults, AnErrorInsideTheStreamKeepsItsWords) {
    const auto failed = fails_then_recovers({.fault = Fault::error_line});
    EXPECT_EQ(failed.text, FakeUpstream::text(2));
    EXPECT_EQ(failed.error->code, Code::upstream);
    EXPECT_THAT(failed.error->message, HasSubstr(GetParam() == Protocol::ollama ? "unexpected EOF" : "slot was lost"));
}

TEST_P(RemoteFaults, EachStatusHasItsKind) {
    const std::vector<std::pair<unsigned, Code>> kinds{{400, Code::invalid_argument}, {401, Code::denied_upstream},
                                                       {404, Code::not_found},        {429, Code::rate_limited},
                                                       {500, Code::upstream},         {503, Code::busy}};
    for (const auto& [status, code] : kinds) {
        const auto failed = fails_then_recovers(
            {.status = status, .retry_after = status == 429 ? "3" : "", .body = R"({"error":"model trouble"})"});
        EXPECT_FALSE(failed.accepted) << status;
        EXPECT_EQ(failed.error->code, code) << status;
        EXPECT_EQ(failed.error->retry_after, status == 429 ? 3s : 0s) << status;
        EXPECT_THAT(failed.error->message, StartsWith("box: ")) << status;

        upstream.then({.status = status});
        const auto whole = complete();
        ASSERT_FALSE(whole.has_value()) << status;
        EXPECT_EQ(whole.error().code, code) << status;
    }
    EXPECT_EQ(upstream.connections(), 1U) << "an error reply does not cost the connection";
}

TEST_P(RemoteFaults, ASingleReplyWhereAStreamWasAskedForIsRefused) {
    const auto failed = fails_then_recovers({.body = R"({"error":{"message":"no streams today"}})"});
    EXPECT_EQ(failed.error->code, Code::upstream);
    EXPECT_EQ(failed.error->message, "box: no streams today");
    EXPECT_THAT(fails_then_recovers({.body = R"({"choices":[]})"}).error->message, HasSubstr("got a single reply"));
}

TEST_P(RemoteFaults, AWholeAnswerThatIsNoAnswerIsQuoted) {
    upstream.then({.body = "nonsense"});
    const auto failed = complete();
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code, Code::upstream);
    EXPECT_THAT(failed.error().message, HasSubstr("nonsense"));
}

TEST_P(RemoteFaults, AWholeAnswerHasATotalBudget) {
    budgets.total = 150ms;
    upstream.then({.fault = Fault::silent});
    const auto failed = complete();
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code, Code::timeout);
    budgets = patient;
    EXPECT_TRUE(complete().has_value());
    EXPECT_TRUE(upstream.wait_for_disconnects(1));
}

TEST_P(RemoteFaults, DestroyingAStreamClosesItsConnection) {
    upstream.then({.tokens = 1000, .token_delay = 20ms});
    const auto left = run(read(backend(), chat(), 2));
    EXPECT_FALSE(left.error.has_value());
    EXPECT_TRUE(upstream.wait_for_disconnects(1));
    EXPECT_TRUE(stream().good());
}

TEST_P(RemoteFaults, CancellingTheReaderClosesItsConnection) {
    for (const Script& script : {Script{.fault = Fault::silent}, Script{.fault = Fault::stall}}) {
        upstream.then(script);
        const auto before = upstream.disconnects();
        asio::cancellation_signal cancel;
        std::optional<Outcome> outcome;
        asio::co_spawn(io, read(backend(), chat()),
                       asio::bind_cancellation_slot(
                           cancel.slot(), [&](const std::exception_ptr&, Outcome got) { outcome = std::move(got); }));
        asio::steady_timer timer(io, 50ms);
        timer.async_wait([&](auto) {
            EXPECT_TRUE(upstream.wait_until_active(1));
            cancel.emit(asio::cancellation_type::terminal);
        });
        io.restart();
        io.run_for(10s);
        ASSERT_TRUE(outcome.has_value());
        if (outcome->error) { EXPECT_EQ(outcome->error->code, Code::cancelled); }
        EXPECT_FALSE(outcome->good());
        EXPECT_TRUE(upstream.wait_for_disconnects(before + 1));
    }
    EXPECT_TRUE(stream().good());
}

INSTANTIATE_TEST_SUITE_P(Both, RemoteFaults, both_kinds(), kind_name);

class OpenAiFaults : public RemoteTest {};

TEST_P(OpenAiFaults, AFinishReasonFollowedByACleanEndIsAProperEnd) {
    upstream.then({.fault = Fault::no_marker});
    const auto out = stream();
    EXPECT_TRUE(out.good()) << (out.error ? out.error->message : "");
    EXPECT_EQ(out.text, FakeUpstream::text(5));
}

INSTANTIATE_TEST_SUITE_P(Only, OpenAiFaults, testing::Values(Protocol::openai), kind_name);

}  // namespace sarai::remote::faults_test
