#include "gateway/heartbeat.hpp"

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace sarai::gateway::heartbeat_test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<void> pass(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<Result<int>> work_for(std::chrono::milliseconds time) {
    co_await pass(time);
    co_return 7;
}

class HeartbeatOf : public testing::Test {
protected:
    // `each` is what writing one takes.
    Heartbeat make(std::chrono::milliseconds every, std::chrono::milliseconds each = 0ms, int most = 1000) {
        return {io_.get_executor(), every,
                [this, each, most]() -> asio::awaitable<bool> {
                    ++begun_;
                    ++under_way_;
                    const struct Done {
                        int& count;
                        ~Done() { --count; }
                    } done{under_way_};
                    if (each.count() > 0) co_await pass(each);
                    ++written_;
                    co_return begun_ < most;
                },
                [this] { stop_.emit(asio::cancellation_type::terminal); }};
    }
    // What `during` gives of work that takes so long; nothing where it was cancelled.
    std::optional<int> run(Heartbeat& heartbeat, std::chrono::milliseconds time) {
        std::optional<int> result;
        asio::co_spawn(
            io_,
            [&]() -> asio::awaitable<void> {
                const auto done = co_await heartbeat.during(work_for(time));
                result = *done;
                note_end();
            },
            asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr& thrown) {
                threw_ = thrown != nullptr;
                if (threw_) note_end();
            }));
        io_.restart();
        io_.run();
        return result;
    }

    void note_end() {
        at_end_ = {begun_, written_};
        EXPECT_EQ(under_way_, 0) << "what it writes to may be gone by now";
    }

    asio::io_context io_;
    asio::cancellation_signal stop_;
    int begun_ = 0, written_ = 0, under_way_ = 0;
    std::pair<int, int> at_end_;
    bool threw_ = false;
};

TEST_F(HeartbeatOf, QuickWorkSendsNothing) {
    auto heartbeat = make(10s);
    EXPECT_EQ(run(heartbeat, 0ms), 7);
    EXPECT_EQ(begun_, 0);
}

TEST_F(HeartbeatOf, SlowWorkSendsSomeAndIsDoneAfterTheLastIsWhole) {
    auto heartbeat = make(5ms, 200ms);
    EXPECT_EQ(run(heartbeat, 50ms), 7);
    EXPECT_EQ(at_end_, std::pair(1, 1));
    EXPECT_EQ(run(heartbeat, 0ms), 7) << "the next work";
    EXPECT_EQ(begun_, 1);
}

TEST_F(HeartbeatOf, GoesOnAsLongAsTheWork) {
    auto heartbeat = make(2ms, 1ms);
    EXPECT_EQ(run(heartbeat, 200ms), 7);
    EXPECT_GT(begun_, 3);
    EXPECT_EQ(at_end_, std::pair(begun_, begun_));
}

TEST_F(HeartbeatOf, ShortWorksThatFollowEachOtherAreOneWait) {
    auto heartbeat = make(50ms);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(run(heartbeat, 10ms), 7);
    EXPECT_GT(begun_, 0);
}

TEST_F(HeartbeatOf, WhoHasLeftEndsTheWork) {
    auto heartbeat = make(2ms, 0ms, 2);
    EXPECT_EQ(run(heartbeat, 60s), std::nullopt);
    EXPECT_TRUE(threw_);
    EXPECT_EQ(begun_, 2);
}

TEST_F(HeartbeatOf, WorkThatIsCancelledWaitsForNoClient) {
    auto heartbeat = make(2ms, 60s);
    asio::steady_timer later(io_, 50ms);
    later.async_wait([&](auto) { stop_.emit(asio::cancellation_type::terminal); });
    EXPECT_EQ(run(heartbeat, 60s), std::nullopt);
    EXPECT_TRUE(threw_);
    EXPECT_EQ(at_end_, std::pair(1, 0)) << "the one under way was given up";
}

TEST_F(HeartbeatOf, NoneAreSentWhereNoneAreWanted) {
    auto heartbeat = make(0ms);
    EXPECT_EQ(run(heartbeat, 20ms), 7);
    EXPECT_EQ(begun_, 0);
}

}  // namespace
}  // namespace sarai::gateway::heartbeat_test
