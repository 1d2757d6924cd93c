// Makes one ranking of two: of passages found by their words, and of passages found by their vectors.
//
// Reciprocal rank fusion: a passage's score is the sum over both rankings of weight / (k + rank), ranks from 1. Only
// ranks count, so that scores of different kinds need not be brought to one scale. Cormack, Clarke and Büttcher,
// "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009; k = 60 is theirs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::knowledge {

// A chunk and how well it fits; greater is better. Scores of words and of vectors are not comparable.
struct Hit {
    std::int64_t chunk = 0;
    double score = 0;
    bool operator==(const Hit&) const = default;
};

struct FusionOptions {
    double k = 60;
    double words = 1;  // weights
    double vectors = 1;
    std::size_t most = 10;
};

// Where a passage stood in one of the rankings.
struct Part {
    int rank = 0;  // from 1
    double score = 0;
    bool operator==(const Part&) const = default;
};
struct Fused {
    std::int64_t chunk = 0;
    double score = 0;
    std::optional<Part> words;
    std::optional<Part> vectors;
    bool operator==(const Fused&) const = default;
};

// Both are sorted, best first. Of equal scores the smaller chunk comes first, so that results do not flicker.
[[nodiscard]] std::vector<Fused> fuse(std::span<const Hit> words, std::span<const Hit> vectors,
                                      const FusionOptions& options = {});

// "docs/a.md:12-20", "docs/a.md:12", "a.pdf p. 3", "a.pdf pp. 3-4".
[[nodiscard]] std::string cite(std::string_view path, bool paged, std::uint32_t first, std::uint32_t last);

}  // namespace sarai::knowledge
