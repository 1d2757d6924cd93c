// How much of a prompt is like what training saw: the share of its words and their letters that have a row, each
// counted by how rare it is. 0…1; 0 where there is no word. Pure.
#pragma once

#include <span>

#include "router/features.hpp"
#include "router/vocabulary.hpp"

namespace sarai::router {

template <class Rarity>
[[nodiscard]] float familiarity(std::span<const Feature> features, std::span<const std::uint32_t> keys,
                                const Rarity& rarity_of, float unseen_rarity) {
    float known = 0;
    float all = 0;
    for (const auto& feature : features) {
        if (!feature.lexical) continue;
        const auto row = row_of(keys, feature.hash);
        const float rarity = row < 0 ? unseen_rarity : rarity_of(static_cast<std::size_t>(row));
        all += rarity;
        if (row >= 0) known += rarity;
    }
    return all > 0 ? known / all : 0;
}

}  // namespace sarai::router
