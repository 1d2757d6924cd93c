// What `sarai plan --json` prints, made inside a running server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "app/measure.hpp"
#include "config/config.hpp"
#include "net/gate.hpp"

namespace sarai::app {

// Loads nothing; measures, one after the other, what was not measured before. `measurer` and `gate` outlive the call;
// so many plans as the gate has places are made at once, since a client can ask for any number of them, and each
// measuring child takes memory that no budget knows. Errors: invalid_argument (`what_if`, in the words of the command).
[[nodiscard]] boost::asio::awaitable<Result<std::string>> plan_running(Measurer& measurer, net::Gate& gate,
                                                                       config::Config config, std::string what_if);

}  // namespace sarai::app
