// What `sarai plan --json` prints, made inside a running server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "app/measure.hpp"
#include "config/config.hpp"

namespace sarai::app {

// Loads nothing; measures, one after the other, what was not measured before. `measurer` outlives the call.
// Errors: invalid_argument (`what_if`, in the words of the command).
[[nodiscard]] boost::asio::awaitable<Result<std::string>> plan_running(Measurer& measurer, config::Config config,
                                                                       std::string what_if);

}  // namespace sarai::app
