#include "router/explain.hpp"

#include <algorithm>
#include <cmath>

#include "router/tokens.hpp"

namespace sarai::router {
namespace {

constexpr std::size_t most_words = 400;
constexpr float least_effect = 0.01F;

struct Span {
    std::size_t at = 0;
    std::size_t end = 0;
};

std::vector<Span> words_of(std::string_view prompt) {
    std::vector<Span> spans;
    for (const auto& token : tokens_of(prompt)) {
        if (token.kind == TokenKind::line_end) continue;
        if (!spans.empty() && token.at < spans.back().end) continue;  // the parts of one identifier
        spans.push_back({.at = token.at, .end = token.at + token.size});
        if (spans.size() == most_words) break;
    }
    return spans;
}

std::vector<float> direction(std::vector<float> vector, std::span<const float> mean) {
    float norm = 0;
    for (std::size_t i = 0; i < vector.size(); ++i) {
        vector[i] -= mean[i];
        norm += vector[i] * vector[i];
    }
    norm = std::sqrt(std::max(norm, 1e-12F));
    for (auto& value : vector) value /= norm;
    return vector;
}

}  // namespace

std::vector<Influence> influences(const Classifier& classifier, std::string_view prompt, Label label,
                                  std::size_t most) {
    const float whole = classifier.score(prompt).of(label);
    const auto words = words_of(prompt);
    std::vector<Influence> tried;
    const auto attempt = [&](const Span& span) {
        std::string without(prompt.substr(0, span.at));
        without += prompt.substr(span.end);
        tried.push_back({.text = std::string(prompt.substr(span.at, span.end - span.at)),
                         .at = span.at,
                         .effect = whole - classifier.score(without).of(label)});
    };
    for (const auto& word : words) attempt(word);
    for (std::size_t i = 1; i < words.size(); ++i) attempt({.at = words[i - 1].at, .end = words[i].end});
    std::erase_if(tried, [](const Influence& one) { return std::abs(one.effect) < least_effect; });
    std::ranges::stable_sort(tried, std::ranges::greater{}, [](const Influence& one) { return std::abs(one.effect); });
    std::vector<Influence> kept;
    for (auto& one : tried) {
        const bool overlaps = std::ranges::any_of(kept, [&](const Influence& other) {
            return one.at < other.at + other.text.size() && other.at < one.at + one.text.size();
        });
        if (!overlaps) kept.push_back(std::move(one));
        if (kept.size() == most) break;
    }
    return kept;
}

std::vector<Neighbour> nearest_examples(const Classifier& classifier, std::string_view prompt,
                                        std::span<const Example> examples, std::size_t most) {
    if (examples.empty()) return {};
    std::vector<std::vector<float>> vectors;
    for (const auto& example : examples) vectors.push_back(classifier.embed(example.text));
    // What all prompts have in common tells none apart.
    std::vector<float> mean(vectors.front().size());
    for (const auto& vector : vectors)
        for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += vector[i] / static_cast<float>(vectors.size());
    const auto own = direction(classifier.embed(prompt), mean);
    std::vector<Neighbour> all;
    for (std::size_t k = 0; k < vectors.size(); ++k) {
        const auto other = direction(std::move(vectors[k]), mean);
        float likeness = 0;
        for (std::size_t i = 0; i < own.size(); ++i) likeness += own[i] * other[i];
        all.push_back({.example = k, .likeness = likeness});
    }
    const auto count = std::min(most, all.size());
    std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count), std::ranges::greater{},
                              &Neighbour::likeness);
    all.resize(count);
    return all;
}

}  // namespace sarai::router
