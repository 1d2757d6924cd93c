#include "net/watchdog.hpp"

#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace sarai::net {

using Clock = std::chrono::steady_clock;

struct Watchdog::State : std::enable_shared_from_this<Watchdog::State> {
    State(const boost::asio::any_io_executor& executor, std::function<void()> on_late)
        : timer(executor), cancel(std::move(on_late)) {}

    boost::asio::steady_timer timer;
    std::function<void()> cancel;
    Clock::time_point due = Clock::time_point::max();    // max: nothing to watch
    Clock::time_point armed = Clock::time_point::max();  // when the timer will look; max: it does not run

    void arm() {
        armed = due;
        timer.expires_at(armed);
        timer.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            if (const auto self = weak.lock(); self && !ec) self->look();
        });
    }
    void look() {
        armed = Clock::time_point::max();
        if (due == Clock::time_point::max()) return;
        if (Clock::now() < due) return arm();
        due = Clock::time_point::max();
        cancel();
    }
};

Watchdog::Watchdog(const boost::asio::any_io_executor& executor, std::function<void()> cancel)
    : state_(std::make_shared<State>(executor, std::move(cancel))) {}
Watchdog::~Watchdog() {
    if (state_) rest();
}

Clock::time_point Watchdog::watch(std::chrono::milliseconds budget) {
    const auto now = Clock::now();
    state_->due = now + budget;
    if (state_->due < state_->armed) state_->arm();
    return now;
}

void Watchdog::release() { state_->due = Clock::time_point::max(); }

void Watchdog::rest() {
    release();
    state_->armed = Clock::time_point::max();
    state_->timer.cancel();
}

}  // namespace sarai::net
