// How much memory sarai and its workers may take together.
#pragma once

#include "config/config.hpp"

namespace sarai::app {

// Reserved for sarai itself. Its PSS is 15–20 MiB when idle; connections and buffered answers come on top.
inline constexpr Bytes own_reserve = MiB(32);

// min(memory.max_ram, RAM − memory.reserve), never negative.
[[nodiscard]] Bytes budget_of(const config::Memory& memory, Bytes machine_total);

}  // namespace sarai::app
