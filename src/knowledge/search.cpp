#include "knowledge/search.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sarai::knowledge {

Result<std::vector<SearchResult>> search(Store& store, const std::string& collection, std::string_view question,
                                         std::span<const float> vector, const SearchOptions& options) {
    const int candidates = std::max(options.candidates, options.most);
    std::vector<Hit> words, vectors;
    if (options.words > 0) {
        auto found = store.by_words(collection, question, candidates);
        if (!found) return std::unexpected(found.error());
        words = std::move(*found);
    }
    if (options.vectors > 0 && !vector.empty()) {
        auto found = store.by_vector(collection, vector, candidates);
        if (!found) return std::unexpected(found.error());
        vectors = std::move(*found);
    }
    const auto fused = fuse(words, vectors,
                            {.k = options.k,
                             .words = options.words,
                             .vectors = options.vectors,
                             .most = static_cast<std::size_t>(std::max(options.most, 0))});
    std::vector<std::int64_t> ids;
    for (const auto& one : fused) ids.push_back(one.chunk);
    auto passages = store.passages(collection, ids);
    if (!passages) return std::unexpected(passages.error());
    // A document may have been replaced between the two: its passages are no longer there.
    std::vector<SearchResult> results;
    for (auto& passage : *passages) {
        const auto rank = std::ranges::find(fused, passage.id, &Fused::chunk);
        auto citation = passage.citation();
        results.push_back({std::move(passage), *rank, std::move(citation)});
    }
    return results;
}

std::string quote(std::span<const SearchResult> results, std::size_t most) {
    std::string text;
    int number = 0;
    for (const auto& result : results) {
        const auto& heading = result.passage.chunk.heading;
        const auto one = fmt::format("{}[{}] {}{}\n{}\n", text.empty() ? "" : "\n", ++number, result.citation,
                                     heading.empty() ? "" : fmt::format(" ({})", heading), result.passage.chunk.text);
        if (!text.empty() && text.size() + one.size() > most) break;
        text += one;
    }
    return text;
}

}  // namespace sarai::knowledge
