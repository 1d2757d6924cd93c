// `sarai doctor`: looks at this machine, and at what a configuration needs, and says what is wrong.
#pragma once

#include "cli/cli.hpp"

namespace sarai::app {

// Changes nothing but the history, where plans are kept. Returns the exit status: 0, or 1 where something fails.
[[nodiscard]] int run_doctor(const cli::DoctorOptions& options);

}  // namespace sarai::app
