// How much memory sarai and its workers may take together.
#pragma once

#include "config/config.hpp"

namespace sarai::app {

// Reserved for sarai itself. Its PSS is 12–15 MiB when idle and 24 MiB with both sizes of the router in use (their
// weights are pages of the program's file); connections and buffered answers come on top.
inline constexpr Bytes own_reserve = MiB(32);

// min(memory.max_ram, RAM − memory.reserve), never negative.
[[nodiscard]] Bytes budget_of(const config::Memory& memory, Bytes machine_total);

}  // namespace sarai::app
