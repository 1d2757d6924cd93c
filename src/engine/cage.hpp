// What a child does to itself, between fork and exec, to be held within a Cage. Internal to engine/.
#pragma once

#include "engine/process.hpp"

namespace sarai::engine {

// Async-signal-safe. False, with errno, where the system did not do it: then the program must not run.
[[nodiscard]] bool lock_in(const Cage& cage);

}  // namespace sarai::engine
