#include "net/task_group.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <list>
#include <string>

namespace sarai::net {
namespace asio = boost::asio;

namespace {

// Where both sides of a parallel wait were cancelled, their two exceptions come as one.
bool is_cancellation(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted;
    } catch (const asio::multiple_exceptions& several) {
        return is_cancellation(several.first_exception());
    } catch (...) { return false; }
}

std::string what_of(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& error) { return error.what(); } catch (...) {
        return "something that is no std::exception";
    }
}

}  // namespace

struct TaskGroup::State {
    explicit State(asio::any_io_executor on) : executor(std::move(on)), changed(executor) {}
    asio::any_io_executor executor;
    asio::steady_timer changed;  // cancelled whenever a task ends
    std::list<asio::cancellation_signal> tasks;
};

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}
TaskGroup::~TaskGroup() { cancel_all(); }

void TaskGroup::spawn(const char* name, asio::awaitable<void> task) {
    spawn(name, [&task](asio::cancellation_signal&) { return std::move(task); });
}

void TaskGroup::spawn(const char* name, const std::function<asio::awaitable<void>(asio::cancellation_signal&)>& make) {
    const auto place = state_->tasks.emplace(state_->tasks.end());
    asio::co_spawn(
        state_->executor, make(*place),
        asio::bind_cancellation_slot(place->slot(), [state = state_, place, name](std::exception_ptr thrown) {
            state->tasks.erase(place);
            state->changed.cancel();
            if (thrown && !is_cancellation(thrown))
                spdlog::error("{} ended by an unexpected error: {}", name, what_of(thrown));
        }));
}

void TaskGroup::cancel_all() {
    // Emitting may end a task and so erase its entry: step on before.
    for (auto it = state_->tasks.begin(); it != state_->tasks.end();) (it++)->emit(asio::cancellation_type::terminal);
}

std::size_t TaskGroup::size() const { return state_->tasks.size(); }

asio::awaitable<bool> TaskGroup::join(std::chrono::milliseconds budget) {
    const auto state = state_;
    const auto deadline = std::chrono::steady_clock::now() + budget;
    while (!state->tasks.empty()) {
        if (std::chrono::steady_clock::now() >= deadline) co_return false;
        state->changed.expires_at(deadline);
        co_await state->changed.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return true;
}

}  // namespace sarai::net
