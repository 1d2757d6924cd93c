#include "gateway/heartbeat.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sarai::gateway {
namespace asio = boost::asio;

// Shared with handlers, which may come after their Heartbeat has gone.
struct Heartbeat::State : std::enable_shared_from_this<State> {
    State(const asio::any_io_executor& executor, std::chrono::milliseconds interval,
          std::function<asio::awaitable<bool>()> how, std::function<void()> then)
        : every(interval), send(std::move(how)), left(std::move(then)), pause(executor), written(executor) {}

    std::chrono::milliseconds every;
    std::function<asio::awaitable<bool>()> send;
    std::function<void()> left;
    asio::steady_timer pause;
    asio::steady_timer written;  // cancelled when what was being written is
    asio::cancellation_signal give_up;
    std::chrono::steady_clock::time_point due;  // the next one, also after works that were short
    bool active = false;
    bool writing = false;

    void wait() {
        const auto now = std::chrono::steady_clock::now();
        if (due <= now) due = now + every;
        pause.expires_at(due);
        pause.async_wait([self = shared_from_this()](boost::system::error_code ec) {
            if (!ec && self->active && !self->writing) self->beat();
        });
    }
    void beat() {
        writing = true;
        asio::co_spawn(pause.get_executor(), send(),
                       asio::bind_cancellation_slot(
                           give_up.slot(), [self = shared_from_this()](const std::exception_ptr& failed, bool told) {
                               self->writing = false;
                               self->written.cancel();
                               if (!self->active) return;
                               if (failed || !told) return self->left();
                               self->wait();
                           }));
    }
};

Heartbeat::Heartbeat(const asio::any_io_executor& executor, std::chrono::milliseconds every,
                     std::function<asio::awaitable<bool>()> send, std::function<void()> left)
    : state_(std::make_shared<State>(executor, every, std::move(send), std::move(left))) {}

Heartbeat::~Heartbeat() { state_->active = false; }

void Heartbeat::begin() {
    if (state_->every.count() == 0) return;
    state_->active = true;
    state_->wait();
}

bool Heartbeat::end() {
    if (!std::exchange(state_->active, false)) return false;
    state_->pause.cancel();
    return state_->writing;
}

asio::awaitable<void> Heartbeat::sent(bool given_up) {
    if (given_up) state_->give_up.emit(asio::cancellation_type::terminal);
    while (state_->writing) {
        state_->written.expires_at(asio::steady_timer::time_point::max());
        co_await state_->written.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

}  // namespace sarai::gateway
