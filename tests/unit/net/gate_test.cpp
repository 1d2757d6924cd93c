#include "net/gate.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace sarai::net::gate_test {
namespace {

namespace asio = boost::asio;

TEST(Gate, AWaiterThatIsCancelledAsItsTurnComesLeavesItToTheNext) {
    asio::io_context io;
    Gate gate(io.get_executor(), 1);
    asio::steady_timer never(io, asio::steady_timer::time_point::max());
    Gate::Pass held;
    bool second_is_in = false;
    const auto hold = [&]() -> asio::awaitable<void> { held = co_await gate.enter(); };
    const auto first = [&]() -> asio::awaitable<void> {
        const auto pass = co_await gate.enter();
        co_await never.async_wait(asio::use_awaitable);
    };
    const auto second = [&]() -> asio::awaitable<void> {
        const auto pass = co_await gate.enter();
        second_is_in = true;
    };
    const auto ignore = [](const std::exception_ptr&) {};
    asio::cancellation_signal leaves;
    asio::co_spawn(io, hold(), ignore);
    asio::co_spawn(io, first(), asio::bind_cancellation_slot(leaves.slot(), ignore));
    asio::co_spawn(io, second(), ignore);
    io.poll();
    EXPECT_FALSE(second_is_in);
    held.reset();
    leaves.emit(asio::cancellation_type::all);
    io.poll();
    EXPECT_TRUE(second_is_in);
}

}  // namespace
}  // namespace sarai::net::gate_test
