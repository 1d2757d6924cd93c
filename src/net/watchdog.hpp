// Cancels reads that take too long, at no cost per read: one timer serves all reads of a connection, and a later
// deadline does not touch it. (A timer per read, as asio::cancel_after has it, costs two turns of the event loop for
// each token of a stream.)
//
// Belongs to one io thread. `cancel` is called at most once per watch(), never after rest() or the destructor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace sarai::net {

class Watchdog {
public:
    Watchdog(const boost::asio::any_io_executor& executor, std::function<void()> cancel);
    ~Watchdog();
    Watchdog(Watchdog&&) = default;

    // From now on the operation has `budget`; replaces the budget before. Returns that moment.
    std::chrono::steady_clock::time_point watch(std::chrono::milliseconds budget);
    // The operation has ended. The timer may still run: the next operation is likely to be near.
    void release();
    // Nothing follows for a while: stops the timer too, which would keep its io_context busy.
    void rest();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sarai::net
