#include "net/watchdog.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace sarai::net::watchdog_test {
namespace {

using namespace std::chrono_literals;

// io.run() returns once no timer is left, so that a timer that was forgotten shows as a test that takes seconds.
class WatchdogTest : public testing::Test {
protected:
    boost::asio::io_context io;
    int cancelled = 0;
    Watchdog watchdog{io.get_executor(), [this] { ++cancelled; }};
};

TEST_F(WatchdogTest, CancelsOnceWhenTheBudgetIsOver) {
    watchdog.watch(5ms);
    io.run();
    EXPECT_EQ(cancelled, 1);
}

TEST_F(WatchdogTest, LeavesAnOperationThatHasEndedAlone) {
    watchdog.watch(5ms);
    watchdog.release();
    io.run();
    EXPECT_EQ(cancelled, 0);
}

TEST_F(WatchdogTest, ALaterDeadlineIsKeptThoughTheTimerFiresAtTheEarlierOne) {
    const auto begun = std::chrono::steady_clock::now();
    watchdog.watch(5ms);
    watchdog.release();
    watchdog.watch(30ms);
    io.run();
    EXPECT_EQ(cancelled, 1);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 30ms);
}

TEST_F(WatchdogTest, AnEarlierDeadlineIsNotMissed) {
    watchdog.watch(60s);
    watchdog.watch(5ms);
    io.run_for(5s);
    EXPECT_EQ(cancelled, 1);
}

TEST_F(WatchdogTest, RestLeavesNoTimerBehind) {
    watchdog.watch(60s);
    watchdog.rest();
    EXPECT_GT(io.run_for(5s), 0U);
    EXPECT_TRUE(io.stopped());
    EXPECT_EQ(cancelled, 0);
}

TEST_F(WatchdogTest, IsOfUseAgainAfterARest) {
    watchdog.watch(60s);
    watchdog.rest();
    watchdog.watch(5ms);
    io.run_for(5s);
    EXPECT_EQ(cancelled, 1);
}

TEST_F(WatchdogTest, NothingIsCalledAfterItsEnd) {
    {
        Watchdog brief(io.get_executor(), [this] { ++cancelled; });
        brief.watch(0ms);
    }
    io.run_for(5s);
    EXPECT_EQ(cancelled, 0);
    EXPECT_TRUE(io.stopped());
}

}  // namespace
}  // namespace sarai::net::watchdog_test
