// Signs of life to a client while a backend reads a long prompt. They cost nothing where it is quick: a timer that is
// set and cancelled; no coroutine is started before it runs out.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace sarai::gateway {

class Heartbeat {
public:
    // `send` writes one, whole; false: the client has left. Then `left` is called, which is to cancel the work.
    // Both are called on `executor`, and not after during() has returned.
    Heartbeat(const boost::asio::any_io_executor& executor, std::chrono::milliseconds every,
              std::function<boost::asio::awaitable<bool>()> send, std::function<void()> left);
    ~Heartbeat();
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

    // What `work` gives or throws. A heartbeat under way is written to its end before: half of one would spoil what
    // follows. One work at a time; works that follow each other are one wait to the client.
    template <class T>
    boost::asio::awaitable<Result<T>> during(boost::asio::awaitable<Result<T>> work) {
        std::optional<Result<T>> done;
        std::exception_ptr thrown;
        begin();
        try {
            done.emplace(co_await std::move(work));
        } catch (...) { thrown = std::current_exception(); }
        if (end()) {
            // Also after a cancellation, which would throw here.
            const bool throws = co_await boost::asio::this_coro::throw_if_cancelled();
            co_await boost::asio::this_coro::throw_if_cancelled(false);
            co_await sent(/*given_up=*/thrown != nullptr);
            co_await boost::asio::this_coro::throw_if_cancelled(throws);
        }
        if (thrown) std::rethrow_exception(thrown);
        co_return std::move(*done);
    }

private:
    struct State;
    void begin();
    // Is one still being written?
    [[nodiscard]] bool end();
    [[nodiscard]] boost::asio::awaitable<void> sent(bool given_up);

    std::shared_ptr<State> state_;
};

}  // namespace sarai::gateway
