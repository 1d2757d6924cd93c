#include "router/baseline.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "router/count.hpp"
#include "router/pooling.hpp"
#include "router/random.hpp"

namespace sarai::router {
namespace {

constexpr std::size_t rows = 1 << 17;  // more than the TRM may have: nothing is left out

}  // namespace

std::vector<LogisticRegression::Term> LogisticRegression::terms_of(std::string_view text) const {
    std::vector<Term> terms;
    for (const auto& one : pick(features_of(text), vocabulary_.keys))
        terms.push_back({.row = static_cast<std::size_t>(one.row)});
    std::ranges::sort(terms, {}, &Term::row);
    const auto repeated = std::ranges::unique(terms, {}, &Term::row);
    terms.erase(repeated.begin(), repeated.end());
    float norm = 0;
    for (auto& term : terms) {
        term.value = vocabulary_.rarity[term.row];
        norm += term.value * term.value;
    }
    for (auto& term : terms) term.value /= std::sqrt(std::max(norm, 1e-9F));
    terms.push_back({.row = rows, .value = 1});
    return terms;
}

LogisticRegression::Probabilities LogisticRegression::probabilities(std::span<const Term> terms) const {
    Probabilities sums{};
    for (const auto& term : terms)
        for (std::size_t label = 0; label < sums.size(); ++label) sums[label] += term.value * weights_[term.row][label];
    const float most = *std::ranges::max_element(sums);
    float whole = 0;
    for (auto& sum : sums) whole += sum = std::exp(sum - most);
    for (auto& sum : sums) sum /= whole;
    return sums;
}

LogisticRegression::LogisticRegression(std::span<const Example> examples, const Options& options)
    : vocabulary_(count_vocabulary(examples, rows)), weights_(rows + 1) {
    std::vector<std::vector<Term>> all;
    for (const auto& example : examples) all.push_back(terms_of(example.text));
    std::vector<Probabilities> squares(weights_.size());
    std::vector<std::size_t> order(examples.size());
    std::iota(order.begin(), order.end(), 0U);
    Random random(options.seed);
    for (int epoch = 0; epoch < options.epochs; ++epoch) {
        random.shuffle(order);
        for (const auto i : order) {
            const auto given = probabilities(all[i]);
            for (const auto& term : all[i]) {
                for (std::size_t label = 0; label < given.size(); ++label) {
                    const float error =
                        given[label] - (static_cast<std::size_t>(examples[i].label) == label ? 1.0F : 0.0F);
                    const float gradient = error * term.value + options.decay * weights_[term.row][label];
                    auto& square = squares[term.row][label];
                    square += gradient * gradient;
                    weights_[term.row][label] -= options.rate * gradient / std::sqrt(square + 1e-8F);
                }
            }
        }
    }
}

Answer LogisticRegression::answer(const Example& example) const {
    const auto given = probabilities(terms_of(example.text));
    const auto best = static_cast<std::size_t>(std::ranges::max_element(given) - given.begin());
    const auto label = static_cast<Label>(best);
    return {.expected = example.label, .given = label, .confidence = given[best], .acceptable = example.accepts(label)};
}

}  // namespace sarai::router
