// A logistic regression on the prompt's features: what each says for each label, whatever stands beside it. It is the
// baseline that the TRM is measured against, and the half of the classifier that remembers single rare words better.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "router/example.hpp"
#include "router/metrics.hpp"
#include "router/pooling.hpp"
#include "router/vocabulary.hpp"

namespace sarai::router {

using Evidence = std::array<float, all_labels.size()>;  // logits, or probabilities that add up to 1

// A row that stands in a text, with its share of a vector of length 1.
struct Term {
    std::size_t row = 0;
    float value = 0;
};

// Each row once, in whatever slot it stands, weighted by its rarity.
template <class Rarity>
[[nodiscard]] std::vector<Term> terms_of(std::span<const Pick> picks, const Rarity& rarity_of);

// Probabilities of labels that exclude each other, from logits.
[[nodiscard]] Evidence softmax(Evidence logits);

// As a logit against the other labels together, within ±10.
[[nodiscard]] float logit(float probability);

class LinearModel {
public:
    struct Options {
        int epochs = 5;     // 30 were no better on the development set (92.3 % against 92.8 %)
        float rate = 0.5F;  // AdaGrad's
        float decay = 1e-5F;
        std::uint64_t seed = 1;
    };
    LinearModel(std::span<const Example* const> examples, const Vocabulary& vocabulary, const Options& options);

    [[nodiscard]] Evidence probabilities(std::string_view text) const;
    [[nodiscard]] Answer answer(const Example& example) const;
    [[nodiscard]] const std::vector<Evidence>& weights() const { return weights_; }  // of each row
    [[nodiscard]] const Evidence& bias() const { return bias_; }

private:
    [[nodiscard]] std::vector<Term> terms(std::string_view text) const;
    [[nodiscard]] Evidence probabilities(std::span<const Term> terms) const;

    const Vocabulary* vocabulary_;
    std::vector<Evidence> weights_;
    Evidence bias_{};
};

template <class Rarity>
std::vector<Term> terms_of(std::span<const Pick> picks, const Rarity& rarity_of) {
    std::vector<Term> terms;
    terms.reserve(picks.size());
    for (const auto& one : picks) terms.push_back({.row = static_cast<std::size_t>(one.row)});
    std::ranges::sort(terms, {}, &Term::row);
    const auto repeated = std::ranges::unique(terms, {}, &Term::row);
    terms.erase(repeated.begin(), repeated.end());
    float norm = 0;
    for (auto& term : terms) {
        term.value = rarity_of(term.row);
        norm += term.value * term.value;
    }
    const float scale = 1 / std::sqrt(std::max(norm, 1e-9F));
    for (auto& term : terms) term.value *= scale;
    return terms;
}

}  // namespace sarai::router
