#include "router/count.hpp"

#include <algorithm>
#include <unordered_map>

#include "router/features.hpp"

namespace sarai::router {

Vocabulary count_vocabulary(std::span<const Example* const> examples, std::size_t rows) {
    std::unordered_map<std::uint32_t, std::uint32_t> texts;
    std::vector<std::uint32_t> hashes;
    for (const auto* example : examples) {
        hashes.clear();
        for (const auto& feature : features_of(example->text)) hashes.push_back(feature.hash);
        std::ranges::sort(hashes);
        const auto repeated = std::ranges::unique(hashes);
        hashes.erase(repeated.begin(), repeated.end());
        for (const auto hash : hashes) ++texts[hash];
    }
    std::vector<Counted> counted;
    counted.reserve(texts.size());
    for (const auto& [hash, count] : texts) counted.push_back({.hash = hash, .texts = count});
    return choose_vocabulary(std::move(counted), examples.size(), rows);
}

Vocabulary count_vocabulary(std::span<const Example> examples, std::size_t rows) {
    std::vector<const Example*> pointers;
    for (const auto& example : examples) pointers.push_back(&example);
    return count_vocabulary(pointers, rows);
}

}  // namespace sarai::router
