#include "gateway/idle_reader.hpp"

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
// Somebody computes, or there is not enough that is new.
constexpr std::chrono::milliseconds pause{100};
}  // namespace

struct IdleReader::State {
    State(const asio::any_io_executor& executor, pool::Pool& of, pool::ModelIndex of_model, std::string name, Step work)
        : timer(executor), pool(of), model(of_model), id(std::move(name)), step(std::move(work)) {}

    asio::steady_timer timer;
    pool::Pool& pool;
    pool::ModelIndex model;
    std::string id;
    Step step;
    bool wanted = true;  // until the owner has gone, or waits for the end
    std::shared_ptr<void> place;
    std::shared_ptr<llm::Backend> backend;  // that was found last
    llm::Standby::Progress progress;
    std::uint64_t used = 0;  // requests that the worker had had when the last step began
    bool ended = false;
    asio::cancellation_signal cancel;

    // By somebody else, and if it has one slot that has driven out what was read. Of several the engine takes another.
    [[nodiscard]] bool was_used() const {
        return pool.core().models()[model].slots == 1 && pool.core().local(model).slot_uses != used;
    }

    // One step, if the worker is free. False: there is nothing to do for the moment.
    static asio::awaitable<Result<bool>> one(std::shared_ptr<State> self) {
        if (!self->place) self->place = self->pool.stand_by(self->model);
        if (!self->place) co_return false;
        auto lease = self->pool.borrow(self->model, true, "reads ahead");
        if (!lease) co_return false;
        auto found = Found::as_left;
        if (self->backend != lease->shared_backend()) {
            self->backend = lease->shared_backend();
            found = Found::other;
        } else if (self->was_used()) {
            found = Found::used;
        }
        if (found != Found::as_left) self->progress = {};
        self->used = self->pool.core().local(self->model).slot_uses;
        const auto before = self->progress.read;
        auto done = co_await self->step(*self->backend, found);
        if (!done) co_return std::unexpected(done.error());
        self->progress = *done;
        co_return done->read != before && done->read < done->known;
    }

    static asio::awaitable<void> run(std::shared_ptr<State> self) {
        while (self->wanted) {
            const auto more = co_await one(self);
            if (!more) {
                spdlog::debug("{}: nothing is read ahead any more: {}", self->id, more.error().message);
                co_return;
            }
            if (*more) continue;
            self->timer.expires_after(pause);
            co_await self->timer.async_wait(asio::as_tuple(asio::use_awaitable));
        }
    }
};

IdleReader::IdleReader(const asio::any_io_executor& executor, pool::Pool& pool, pool::ModelIndex model, std::string id,
                       Step step)
    : state_(std::make_shared<State>(executor, pool, model, std::move(id), std::move(step))) {
    asio::co_spawn(executor, State::run(state_),
                   asio::bind_cancellation_slot(state_->cancel.slot(), [keep = state_](std::exception_ptr thrown) {
                       keep->place.reset();
                       keep->ended = true;
                       keep->timer.cancel();
                       if (!thrown || !keep->wanted) return;  // cancelled
                       try {
                           std::rethrow_exception(thrown);
                       } catch (const std::exception& error) {
                           spdlog::error("reading ahead failed: {}", error.what());
                       }
                   }));
}

IdleReader::~IdleReader() {
    state_->wanted = false;
    state_->cancel.emit(asio::cancellation_type::terminal);
}

asio::awaitable<std::int64_t> IdleReader::finish() {
    const auto state = state_;
    state->wanted = false;  // the loop ends after the step, or its pause
    state->timer.cancel();
    asio::steady_timer moment(co_await asio::this_coro::executor);
    while (!state->ended) {
        moment.expires_after(std::chrono::milliseconds(1));
        co_await moment.async_wait(asio::use_awaitable);
    }
    co_return state->was_used() ? 0 : state->progress.read;
}

}  // namespace sarai::gateway
