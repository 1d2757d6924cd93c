#include "cli/interruption.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <utility>

namespace sarai::cli {

namespace {

constexpr int interrupted_status = 128 + SIGINT;  // as shells say it

}  // namespace

Interruption::Interruption() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
    watcher_ = std::jthread([this](const std::stop_token& over) { watch(over); });
}

Interruption::~Interruption() {
    watcher_ = {};
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interruption::waits_for(std::string what) {
    const std::scoped_lock lock(mutex_);
    what_ = std::move(what);
}

void Interruption::watch(const std::stop_token& over) {
    constexpr timespec moment{.tv_sec = 0, .tv_nsec = 100'000'000};
    while (!over.stop_requested()) {
        if (::sigtimedwait(&set_, nullptr, &moment) != SIGINT) continue;
        if (asked_.stop_requested()) ::_exit(interrupted_status);
        {
            const std::scoped_lock lock(mutex_);
            fmt::print(stderr, "\nending: {} not waited for any longer; Ctrl-C again ends at once\n",
                       what_.empty() ? "what is under way is" : what_ + " is");
            std::fflush(stderr);
        }
        asked_.request_stop();
    }
}

}  // namespace sarai::cli
