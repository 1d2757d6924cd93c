#include "pool/turn_taking.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <utility>

namespace sarai::pool {
namespace asio = boost::asio;

Turns::Duration TurnTaking::process_time(pid_t pid) {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TurnTaking::TurnTaking(const asio::any_io_executor& executor, std::size_t models, int cores, ProcessTime time)
    : places_(models), turns_(cores), process_time_(std::move(time)), turn_over_(executor) {}

Turns::CpuTime TurnTaking::cpu_time() const {
    return [this](ModelIndex model) {
        const auto& worker = places_[model].worker;
        return worker ? process_time_(worker->pid()) : Turns::Duration{};
    };
}

void TurnTaking::set_busy(ModelIndex model, std::shared_ptr<LocalWorker> worker) {
    auto& place = places_[model];
    if (place.worker == worker) return;
    const bool contended = turns_.contended();
    if (place.worker) {
        turns_.leave(Clock::now(), model, cpu_time());
        if (std::exchange(place.paused, false)) place.worker->resume();
    }
    place.worker = std::move(worker);
    if (place.worker) {
        if (place.last.lock() != place.worker) turns_.forget_process(model);
        place.last = place.worker;
        turns_.join(Clock::now(), model, place.worker->threads(), cpu_time());
    }
    apply();
    // Who is alone has no turn that could end.
    if (contended || turns_.contended()) turn_over_.cancel();
}

// Who goes on is resumed before the others are paused: a moment with two is better than one with none.
void TurnTaking::apply() {
    for (const bool pause : {false, true})
        for (ModelIndex model = 0; model < places_.size(); ++model) {
            auto& place = places_[model];
            if (!place.worker || place.paused == pause || turns_.may_run(model) == pause) continue;
            place.paused = pause;
            place.pauses += pause ? 1 : 0;
            if (pause)
                place.worker->pause();
            else
                place.worker->resume();
        }
}

asio::awaitable<void> TurnTaking::run() {
    for (;;) {
        turn_over_.expires_at(turns_.contended() ? Clock::now() + Turns::length : Clock::time_point::max());
        const auto [interrupted] = co_await turn_over_.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        if (interrupted) continue;  // set_busy() has chosen already
        try {
            turns_.next(Clock::now(), cpu_time());
            apply();
        } catch (const std::exception& error) { spdlog::error("the end of a turn failed: {}", error.what()); }
    }
}

}  // namespace sarai::pool
