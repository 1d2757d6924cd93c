#include "knowledge/fusion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace sarai::knowledge {

std::vector<Fused> fuse(std::span<const Hit> words, std::span<const Hit> vectors, const FusionOptions& options) {
    std::unordered_map<std::int64_t, Fused> by_chunk;
    const auto add = [&](std::span<const Hit> hits, double weight, std::optional<Part> Fused::* part) {
        int rank = 0;
        for (const auto& hit : hits) {
            ++rank;
            auto& fused = by_chunk[hit.chunk];
            if (fused.*part) continue;  // a ranking names nobody twice; were it to, the better place counts
            fused.chunk = hit.chunk;
            fused.score += weight / (options.k + rank);
            fused.*part = Part{rank, hit.score};
        }
    };
    add(words, options.words, &Fused::words);
    add(vectors, options.vectors, &Fused::vectors);
    std::vector<Fused> all;
    all.reserve(by_chunk.size());
    for (const auto& [chunk, fused] : by_chunk) all.push_back(fused);
    std::ranges::sort(
        all, [](const Fused& a, const Fused& b) { return a.score != b.score ? a.score > b.score : a.chunk < b.chunk; });
    if (all.size() > options.most) all.resize(options.most);
    return all;
}

std::string cite(std::string_view path, bool paged, std::uint32_t first, std::uint32_t last) {
    if (paged)
        return first == last ? fmt::format("{} p. {}", path, first) : fmt::format("{} pp. {}-{}", path, first, last);
    return first == last ? fmt::format("{}:{}", path, first) : fmt::format("{}:{}-{}", path, first, last);
}

}  // namespace sarai::knowledge
