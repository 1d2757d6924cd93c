// While it lives, the first Ctrl-C gives up what a command waits for, and the second ends the process.
//
// For commands whose work can be ended anywhere. It is to be made before the threads that are to be spared SIGINT.
#pragma once

#include <csignal>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace sarai::cli {

class Interruption {
public:
    Interruption();
    ~Interruption();
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    // Asked to stop by the first Ctrl-C.
    [[nodiscard]] std::stop_token token() const { return asked_.get_token(); }
    // What the first Ctrl-C says is given up: "the server's vectors".
    void waits_for(std::string what);

private:
    void watch(const std::stop_token& over);

    sigset_t set_{}, before_{};
    std::stop_source asked_;
    std::mutex mutex_;
    std::string what_;  // under the mutex
    std::jthread watcher_;
};

}  // namespace sarai::cli
