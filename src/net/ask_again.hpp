// For what may be there in a moment.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <type_traits>

#include "base/error.hpp"

namespace sarai::net {

// Asks again while the answer is busy, ten times a second and for as long as `patience` allows: then its error is
// no_memory. `ask` is called on the coroutine's executor and lives until the end.
template <class Ask>
boost::asio::awaitable<std::invoke_result_t<Ask&>> ask_until_granted(Ask ask, std::chrono::milliseconds patience) {
    constexpr std::chrono::milliseconds pause{100};
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (const auto end = std::chrono::steady_clock::now() + patience;;) {
        auto answer = ask();
        if (answer || answer.error().code != Code::busy) co_return answer;
        if (std::chrono::steady_clock::now() >= end) {
            answer.error().code = Code::no_memory;
            co_return answer;
        }
        timer.expires_after(pause);
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
}

}  // namespace sarai::net
