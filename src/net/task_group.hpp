// A parent for spawned coroutines: cancels them, waits for them, and never lets one outlive it unseen.
//
// Belongs to one io thread. An exception that leaves a task is a bug: it is logged, never rethrown, except for the
// operation_aborted by which Asio unwinds a cancelled coroutine. The group must be joined before it is destroyed
// while its io_context still runs.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace sarai::net {

class TaskGroup {
public:
    explicit TaskGroup(boost::asio::any_io_executor executor);
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    // `name` is for the log only and must be a literal.
    void spawn(const char* name, boost::asio::awaitable<void> task);
    // The same for a task that is to be cancelled on its own: it is made with its signal, which lives as long as it.
    void spawn(const char* name,
               const std::function<boost::asio::awaitable<void>(boost::asio::cancellation_signal&)>& make);
    void cancel_all();
    [[nodiscard]] std::size_t size() const;
    // Waits until no task is left, at most `budget`; false if some remain.
    [[nodiscard]] boost::asio::awaitable<bool> join(std::chrono::milliseconds budget);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sarai::net
