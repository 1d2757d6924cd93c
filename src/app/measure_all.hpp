// Measures many shapes, a few children at a time, and says how far it is where that takes longer than a second.
#pragma once

#include <span>
#include <vector>

#include "config/config.hpp"
#include "memory/plan.hpp"

namespace sarai::app {

// Plans in the shapes' order; shapes that are alike are measured once. Progress goes to standard error where that is a
// terminal, and is wiped away at the end.
[[nodiscard]] std::vector<Result<memory::ModelPlan>> measure_all(const config::Engine& engine,
                                                                 std::span<const memory::EngineShape> shapes);

}  // namespace sarai::app
