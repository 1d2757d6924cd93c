// The vocabulary of a set of examples. Pure.
#pragma once

#include <span>

#include "router/example.hpp"
#include "router/vocabulary.hpp"

namespace sarai::router {

[[nodiscard]] Vocabulary count_vocabulary(std::span<const Example> examples, std::size_t rows);
[[nodiscard]] Vocabulary count_vocabulary(std::span<const Example* const> examples, std::size_t rows);

}  // namespace sarai::router
