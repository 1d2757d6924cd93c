// The programs that sarai starts, as `sarai doctor` sees them: found, of which version, and able to run.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "app/doctor_machine.hpp"

namespace sarai::app {

// llama-server and sarai-measure, which local models need.
[[nodiscard]] boost::asio::awaitable<Checks> look_at_engine(config::Engine engine);

// Another program, asked for its version by `argument`. Where it is missing: a warning that says `why` it is needed.
[[nodiscard]] boost::asio::awaitable<cli::Check> look_at_program(std::string name, std::string argument,
                                                                 std::string why);

}  // namespace sarai::app
