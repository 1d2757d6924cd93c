// Which features have a row of the embedding table: those that training saw more than once. A row is found by open
// addressing in an array of hashes, which is read where it lies (a mapped file). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sarai::router {

// Where the search for a hash begins, of `rows`: its share of all hashes, so that their number may be any. Spread first
// (Fibonacci hashing): of equally frequent features the smallest hashes are kept, which else would crowd at one end.
[[nodiscard]] inline std::size_t home_of(std::uint32_t hash, std::size_t rows) {
    return (static_cast<std::uint64_t>(hash * 0x9E3779B1U) * rows) >> 32U;
}

// Row of a feature's hash, -1 where it has none. `keys` holds 0 for an empty row, and is never full.
[[nodiscard]] inline std::int32_t row_of(std::span<const std::uint32_t> keys, std::uint32_t hash) {
    for (auto row = home_of(hash, keys.size());;) {
        if (keys[row] == hash) return static_cast<std::int32_t>(row);
        if (keys[row] == 0) return -1;
        if (++row == keys.size()) row = 0;
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
