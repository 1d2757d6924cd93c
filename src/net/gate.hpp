// So many at once and no more: the others wait their turn. Belongs to one io thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace sarai::net {

class Gate {
public:
    Gate(const boost::asio::any_io_executor& executor, int places)
        : state_(std::make_shared<State>(executor, places)) {}

    // Whoever has it is inside.
    using Pass = std::shared_ptr<void>;
    // A caller that is cancelled while it waits leaves by Asio's exception, as from any other wait.
    [[nodiscard]] boost::asio::awaitable<Pass> enter() {
        const auto state = state_;
        while (state->free == 0) {
            // Each pass that is given back wakes one; a wait that ends because of that is no failure.
            (void)co_await state->turn.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        --state->free;
        co_return Pass(nullptr, [state](void*) {
            ++state->free;
            state->turn.cancel_one();
        });
    }

private:
    struct State {
        State(const boost::asio::any_io_executor& executor, int places)
            : turn(executor, boost::asio::steady_timer::time_point::max()), free(places) {}
        boost::asio::steady_timer turn;
        int free;
    };
    std::shared_ptr<State> state_;
};

}  // namespace sarai::net
