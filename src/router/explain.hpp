// Why a prompt was scored as it was: which of its words mattered, and which training prompts are like it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/classifier.hpp"
#include "router/example.hpp"

namespace sarai::router {

// A word or two neighbours, and by how much the probability of a label falls when they are left out: positive speaks
// for the label.
struct Influence {
    std::string text;
    std::size_t at = 0;  // in the prompt, in bytes
    float effect = 0;
};

struct Neighbour {
    std::size_t example = 0;  // index
    float likeness = 0;       // cosine, at most 1
};

// The strongest first, none of them within another. At most 400 words are tried: of a longer prompt the beginning.
[[nodiscard]] std::vector<Influence> influences(const Classifier& classifier, std::string_view prompt, Label label,
                                                std::size_t most = 8);

[[nodiscard]] std::vector<Neighbour> nearest_examples(const Classifier& classifier, std::string_view prompt,
                                                      std::span<const Example> examples, std::size_t most = 3);

}  // namespace sarai::router
