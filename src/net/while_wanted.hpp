// Work on another thread that is given up when nobody waits for it any longer.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <optional>
#include <stop_token>

#include "base/error.hpp"
#include "net/on_thread.hpp"

namespace sarai::net {

// Its end: when it is cancelled, and has asked for a stop.
inline boost::asio::awaitable<void> stop_when_cancelled(std::stop_source stop) {
    namespace asio = boost::asio;
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none) {
        asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    stop.request_stop();
}

// Runs `work` on the thread, and goes on here. It gets a stop_source, which is asked to stop when the caller is
// cancelled, and its end is waited for all the same. It answers with a Result; who is cancelled gets that error.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work&, std::stop_source>> on_thread_while_wanted(
    boost::asio::thread_pool& thread, Work work) {
    using namespace boost::asio::experimental::awaitable_operators;
    struct Outcome {
        std::optional<std::invoke_result_t<Work&, std::stop_source>> answer;
        std::exception_ptr thrown;
    };
    const std::stop_source stop;
    // An exception would not end the other one.
    auto run = [stop, work = std::move(work)]() mutable -> Outcome {
        try {
            return {.answer = work(stop), .thrown = {}};
        } catch (...) { return {.answer = {}, .thrown = std::current_exception()}; }
    };
    auto ended = co_await (on_thread(thread, std::move(run)) || stop_when_cancelled(stop));
    if (ended.index() == 1) co_return fail(Code::cancelled, "nobody waits for it any longer");
    auto& outcome = std::get<0>(ended);
    if (outcome.thrown) std::rethrow_exception(outcome.thrown);
    co_return std::move(*outcome.answer);
}

}  // namespace sarai::net
