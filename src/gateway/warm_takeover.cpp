#include "gateway/warm_takeover.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sarai::gateway {
namespace asio = boost::asio;

namespace {
// Somebody computes, or the answer has not grown by enough.
constexpr std::chrono::milliseconds pause{100};
}  // namespace

struct WarmTakeover::State {
    State(const asio::any_io_executor& executor, pool::Pool& of, pool::ModelIndex of_model, llm::Request asked,
          SoFar text)
        : timer(executor), pool(of), model(of_model), request(std::move(asked)), so_far(std::move(text)) {}

    asio::steady_timer timer;
    pool::Pool& pool;
    pool::ModelIndex model;
    llm::Request request;
    SoFar so_far;  // empty once the owner has gone
    std::shared_ptr<void> place;
    std::shared_ptr<llm::Backend> backend;  // whose standby this is
    std::unique_ptr<llm::Standby> standby;
    llm::Standby::Progress progress;
    std::uint64_t used = 0;  // requests that the worker had had when the last step began
    bool ended = false;
    asio::cancellation_signal cancel;

    // By somebody else, and if it has one slot that has driven out what was read. Of several the engine takes another.
    [[nodiscard]] bool was_used() const {
        return pool.core().models()[model].slots == 1 && pool.core().local(model).slot_uses != used;
    }

    // One step, if the worker is free. False: there is nothing to do for the moment.
    static asio::awaitable<Result<bool>> step(std::shared_ptr<State> self) {
        if (!self->place) self->place = self->pool.stand_by(self->model);
        if (!self->place) co_return false;
        auto lease = self->pool.borrow(self->model, true, "reads ahead");
        if (!lease) co_return false;
        if (self->backend != lease->shared_backend()) {  // also a worker that was started again
            self->backend = lease->shared_backend();
            self->standby = self->backend->stand_by(self->request);
            self->progress = {};
        } else if (self->was_used()) {
            self->standby->forget();
            self->progress = {};
        }
        self->used = self->pool.core().local(self->model).slot_uses;
        if (!self->standby) co_return fail(Code::unsupported, "the backend reads nothing ahead");
        const auto text = self->so_far();
        if (!text) co_return std::unexpected(text.error());
        const auto before = self->progress.read;
        auto done = co_await self->standby->step(**text);
        if (!done) co_return std::unexpected(done.error());
        self->progress = *done;
        co_return done->read != before && done->read < done->known;
    }

    static asio::awaitable<void> run(std::shared_ptr<State> self) {
        while (self->so_far) {
            const auto more = co_await step(self);
            if (!more) {
                spdlog::debug("{}: nothing is read ahead any more: {}", self->request.id, more.error().message);
                co_return;
            }
            if (*more) continue;
            self->timer.expires_after(pause);
            co_await self->timer.async_wait(asio::as_tuple(asio::use_awaitable));
        }
    }
};

WarmTakeover::WarmTakeover(const asio::any_io_executor& executor, pool::Pool& pool, pool::ModelIndex model,
                           llm::Request request, SoFar so_far)
    : state_(std::make_shared<State>(executor, pool, model, std::move(request), std::move(so_far))) {
    asio::co_spawn(executor, State::run(state_),
                   asio::bind_cancellation_slot(state_->cancel.slot(), [keep = state_](std::exception_ptr thrown) {
                       keep->place.reset();
                       keep->ended = true;
                       keep->timer.cancel();
                       if (!thrown || !keep->so_far) return;  // cancelled
                       try {
                           std::rethrow_exception(thrown);
                       } catch (const std::exception& error) {
                           spdlog::error("reading ahead failed: {}", error.what());
                       }
                   }));
}

WarmTakeover::~WarmTakeover() {
    state_->so_far = nullptr;
    state_->cancel.emit(asio::cancellation_type::terminal);
}

asio::awaitable<std::int64_t> WarmTakeover::finish() {
    const auto state = state_;
    state->so_far = nullptr;  // the loop ends after the step, or its pause
    state->timer.cancel();
    asio::steady_timer moment(co_await asio::this_coro::executor);
    while (!state->ended) {
        moment.expires_after(std::chrono::milliseconds(1));
        co_await moment.async_wait(asio::use_awaitable);
    }
    co_return state->was_used() ? 0 : state->progress.read;
}

}  // namespace sarai::gateway
