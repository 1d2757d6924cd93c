// Prompts as other people would have typed them: with typos, without signs, with a greeting before. Pure; the label
// stays, or gets company.
#pragma once

#include <span>
#include <string>

#include "router/example.hpp"
#include "router/random.hpp"

namespace sarai::router {

// How often each change happens to a prompt.
struct Augmentation {
    float typo = 0.7F;
    float no_signs = 0.2F;    // ¿ and ¡, or the sign at the end
    float lost_word = 0.22F;  // of each word
    float opener = 0.12F;     // "hola, ", "quick question: "
    float joined = 0.2F;      // a soft prompt before one that asks for something, which then is what counts
};

[[nodiscard]] Example augment(const Example& example, std::span<const Example> others, const Augmentation& rates,
                              Random& random);

}  // namespace sarai::router
