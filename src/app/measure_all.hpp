// Measures many shapes, a few children at a time, and says how far it is where that takes longer than a second.
#pragma once

#include <span>
#include <vector>

#include "config/config.hpp"
#include "memory/plan.hpp"

namespace sarai::app {

// What was measured before, in this process.
struct Known {
    memory::EngineShape shape;
    Result<memory::ModelPlan> plan;
};

// Plans in the shapes' order; what is `known` is not asked again; shapes that are alike are measured once. Progress
// goes to standard error where that is a terminal, and is wiped away at the end.
[[nodiscard]] std::vector<Result<memory::ModelPlan>> measure_all(const config::Engine& engine,
                                                                 std::span<const memory::EngineShape> shapes,
                                                                 std::span<const Known> known = {});

}  // namespace sarai::app
