// Runs a program to its end for what it prints.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "engine/process.hpp"

namespace sarai::app {

struct ShortChild {
    int status = 0;  // exit status; of a killed child, which has none, 128 + signal, as shells say it
    std::string out;
    std::string last_words;
};

// Errors: io (cannot start), timeout: "`what` took longer than 30 s". A caller that is cancelled kills it.
[[nodiscard]] boost::asio::awaitable<Result<ShortChild>> run_child(engine::Command command, std::chrono::seconds budget,
                                                                   std::string what);

}  // namespace sarai::app
