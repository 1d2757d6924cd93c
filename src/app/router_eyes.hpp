// The router's classifiers: those in the program, or the user's own weights.
#pragma once

#include "config/config.hpp"
#include "router/scorer.hpp"

namespace sarai::app {

// Errors: not_found, corrupt_file and unsupported of weights that the configuration names.
[[nodiscard]] Result<router::Eyes> open_eyes(const config::Routing& routing);

}  // namespace sarai::app
