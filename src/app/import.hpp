// `sarai import`: a configuration made of what another program has, with its plan.
#pragma once

#include "cli/cli.hpp"

namespace sarai::app {

// Returns the exit status: 0, 3 where something has no equivalent, 2 where the path is nothing that can be imported.
// Writes nothing but the configuration, and that only if it is valid.
[[nodiscard]] int run_import(const cli::ImportOptions& options);

}  // namespace sarai::app
