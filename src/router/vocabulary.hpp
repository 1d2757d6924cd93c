// Which features have a row of the embedding table: those that training saw more than once. A row is found by open
// addressing in an array of hashes, which is read where it lies (a mapped file). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sarai::router {

// Row of a feature's hash, -1 where it has none. `keys` holds a power of two of them, 0 for an empty row, and is never
// full.
[[nodiscard]] inline std::int32_t row_of(std::span<const std::uint32_t> keys, std::uint32_t hash) {
    const auto mask = static_cast<std::uint32_t>(keys.size() - 1);
    for (std::uint32_t row = hash & mask;; row = (row + 1) & mask) {
        if (keys[row] == hash) return static_cast<std::int32_t>(row);
        if (keys[row] == 0) return -1;
    }
}

struct Counted {
    std::uint32_t hash = 0;
    std::uint32_t texts = 0;  // that it stands in
};

struct Vocabulary {
    std::vector<std::uint32_t> keys;
    std::vector<float> rarity;  // of each row: ln((N + 1) / (texts with it + 1)), at least 0
    float unseen_rarity = 0;    // of what has no row
    std::int64_t filled = 0;
};

// The most frequent features that stand in at least `least` texts; one row in eight stays empty, so that searches end.
[[nodiscard]] Vocabulary choose_vocabulary(std::vector<Counted> counted, std::size_t texts, std::size_t rows,
                                           std::uint32_t least = 2);

}  // namespace sarai::router
