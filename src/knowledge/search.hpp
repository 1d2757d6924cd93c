// Hybrid search: passages found by words and by vectors, in one ranking, with what a citation needs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/fusion.hpp"
#include "knowledge/store.hpp"

namespace sarai::knowledge {

struct SearchOptions {
    int most = 5;
    int candidates = 50;  // of each ranking: beyond it a rank adds less than 1/110 to a score
    double k = 60;        // see fusion.hpp
    double words = 1;     // weights; 0 leaves a ranking out
    double vectors = 1;
};

struct SearchResult {
    Passage passage;
    Fused rank;  // the score and its parts
    std::string citation;
};

// `vector` is the question's, of unit length; empty: words only. Errors: those of the store.
[[nodiscard]] Result<std::vector<SearchResult>> search(Store& store, const std::string& collection,
                                                       std::string_view question, std::span<const float> vector,
                                                       const SearchOptions& options = {});

// The passages as a prompt quotes them, numbered from 1: "[1] docs/a.md:12-20 (Install › Linux)\n…\n\n[2] …". Whole
// passages, at most `most` bytes in all (but the first is always there).
[[nodiscard]] std::string quote(std::span<const SearchResult> results, std::size_t most);

}  // namespace sarai::knowledge
