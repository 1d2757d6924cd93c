// Features to vectors: in each slot the mean of its features' embeddings, weighted by what their rows have learnt to
// weigh. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "router/features.hpp"

namespace sarai::router {

struct Pick {
    std::int32_t row = 0;
    Slot slot = Slot::words;
};

// Those features that have a row.
[[nodiscard]] std::vector<Pick> pick(std::span<const Feature> features, std::span<const std::uint32_t> keys);

// One row of the table, to be added: into[i] += factor * row[i].
template <class Rows, class Weight>
void pool(std::span<const Pick> picks, std::size_t width, const Weight& weight_of, const Rows& add_row,
          std::span<float> into, std::span<float, slot_count> sums) {
    std::ranges::fill(into, 0.0F);
    std::ranges::fill(sums, 0.0F);
    for (const auto& one : picks) {
        const auto slot = static_cast<std::size_t>(one.slot);
        const float weight = weight_of(one.row);
        sums[slot] += weight;
        add_row(one.row, weight, into.data() + slot * width);
    }
    for (std::size_t slot = 0; slot < slot_count; ++slot) {
        if (sums[slot] <= 0) continue;
        const float scale = 1 / sums[slot];
        for (float& value : into.subspan(slot * width, width)) value *= scale;
    }
}

}  // namespace sarai::router
