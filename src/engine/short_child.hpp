// Runs a program to its end for what it prints.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "engine/process.hpp"

namespace sarai::engine {

struct ShortChild {
    int status = 0;  // exit status; of a killed child, which has none, 128 + signal, as shells say it
    std::string out;
    std::string last_words;  // of its standard error, at most so many lines as asked for
};

// Errors: io (cannot start), timeout: "`what` took longer than 30 s". A caller that is cancelled kills it.
[[nodiscard]] boost::asio::awaitable<Result<ShortChild>> run_child(Command command, std::chrono::seconds budget,
                                                                   std::string what, std::size_t last_lines = 3);

}  // namespace sarai::engine
