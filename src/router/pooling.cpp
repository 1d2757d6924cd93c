#include "router/pooling.hpp"

#include "router/vocabulary.hpp"

namespace sarai::router {

std::vector<Pick> pick(std::span<const Feature> features, std::span<const std::uint32_t> keys) {
    std::vector<Pick> picks;
    picks.reserve(features.size());
    for (const auto& feature : features)
        if (const auto row = row_of(keys, feature.hash); row >= 0) picks.push_back({.row = row, .slot = feature.slot});
    return picks;
}

}  // namespace sarai::router
