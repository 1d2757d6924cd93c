// One option for each model, so that the sum of utilities is as large as the sum of bytes may be: the multiple-choice
// knapsack problem, solved exactly.
//
// Sets of choices are built up model by model; of those that take as much or more for as little or less, only the best
// is kept (Nemhauser and Ullmann 1969). Utilities are whole numbers, so that the kept sets are at most as many as there
// are sums of utilities, and so that equal is equal. Pure and deterministic.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"

namespace sarai::memory {

struct Option {
    Bytes cost;
    std::int64_t utility = 0;
};

struct Choice {
    std::vector<std::size_t> options;  // by model
    Bytes cost;
    std::int64_t utility = 0;
};

// The largest utility within `budget`; of several the cheapest, of those that one whose options come first. Nothing
// where not even the cheapest options fit, or a model has none.
[[nodiscard]] std::optional<Choice> choose(std::span<const std::vector<Option>> models, Bytes budget);

}  // namespace sarai::memory
