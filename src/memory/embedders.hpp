// Which models make vectors and no text. Used by the measuring child as well, which has nothing else of this module's.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace sarai::memory {

// An architecture of the engine (general.architecture) that makes vectors only, whether or not the file says how they
// are pooled. A worker that generates with one ends by an assertion (llama.cpp b11669).
[[nodiscard]] constexpr bool makes_vectors_only(std::string_view architecture) {
    constexpr std::array<std::string_view, 12> embedders = {
        "bert",     "nomic-bert", "nomic-bert-moe", "jina-bert-v2",    "jina-bert-v3",     "modern-bert",
        "neo-bert", "eurobert",   "llama-embed",    "gemma-embedding", "gemma-embedding2", "t5encoder"};
    return std::ranges::contains(embedders, architecture);
}

}  // namespace sarai::memory
