// `sarai fit`: settings for a set of models that make the most of a budget, as a configuration.
#pragma once

#include "cli/cli.hpp"

namespace sarai::app {

// Returns the exit status: 0; 4 where even the least that the models can do with is more than the budget; 2 where the
// output exists, or the rest of the configuration does not go with these models; 1 where a file cannot be planned or
// the output cannot be written.
[[nodiscard]] int run_fit(const cli::FitOptions& options);

}  // namespace sarai::app
