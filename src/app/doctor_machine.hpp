// The machine as `sarai doctor` sees it: processor, memory, who keeps workers to their plans, and the port.
#pragma once

#include <vector>

#include "cli/doctor_advice.hpp"

namespace sarai::app {

using Checks = std::vector<cli::Check>;

// What failed, with its hint as the advice.
[[nodiscard]] cli::Check failed(std::string group, std::string name, const Error& error);

// `written`: null without a configuration. Nothing here waits.
[[nodiscard]] Checks look_at_machine(const cli::Written* written);

// Binds the port for a moment, unless somebody has it.
[[nodiscard]] cli::Check look_at_port(const config::Server& server, std::string place);

}  // namespace sarai::app
