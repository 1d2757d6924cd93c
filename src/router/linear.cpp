#include "router/linear.hpp"

#include <numeric>

#include "router/random.hpp"

namespace sarai::router {

Evidence softmax(Evidence logits) {
    const float most = *std::ranges::max_element(logits);
    float whole = 0;
    for (auto& value : logits) whole += value = std::exp(value - most);
    for (auto& value : logits) value /= whole;
    return logits;
}

float logit(float probability) {
    const float held = std::clamp(probability, 1e-6F, 1 - 1e-6F);
    return std::clamp(std::log(held / (1 - held)), -10.0F, 10.0F);
}

std::vector<Term> LinearModel::terms(std::string_view text) const {
    return terms_of(pick(features_of(text), vocabulary_->keys),
                    [this](std::size_t row) { return vocabulary_->rarity[row]; });
}

Evidence LinearModel::probabilities(std::span<const Term> terms) const {
    auto sums = bias_;
    for (const auto& term : terms)
        for (std::size_t label = 0; label < sums.size(); ++label) sums[label] += term.value * weights_[term.row][label];
    return softmax(sums);
}

Evidence LinearModel::probabilities(std::string_view text) const { return probabilities(terms(text)); }

LinearModel::LinearModel(std::span<const Example* const> examples, const Vocabulary& vocabulary, const Options& options)
    : vocabulary_(&vocabulary), weights_(vocabulary.keys.size()) {
    std::vector<std::vector<Term>> all;
    for (const auto* example : examples) all.push_back(terms(example->text));
    std::vector<Evidence> squares(weights_.size());
    Evidence bias_squares{};
    std::vector<std::size_t> order(examples.size());
    std::iota(order.begin(), order.end(), 0U);
    Random random(options.seed);
    const auto move = [&](float& weight, float& square, float gradient) {
        square += gradient * gradient;
        weight -= options.rate * gradient / std::sqrt(square + 1e-8F);
    };
    for (int epoch = 0; epoch < options.epochs; ++epoch) {
        random.shuffle(order);
        for (const auto i : order) {
            const auto given = probabilities(all[i]);
            for (std::size_t label = 0; label < given.size(); ++label) {
                const float error =
                    given[label] - (static_cast<std::size_t>(examples[i]->label) == label ? 1.0F : 0.0F);
                move(bias_[label], bias_squares[label], error);
                for (const auto& term : all[i]) {
                    auto& weight = weights_[term.row][label];
                    move(weight, squares[term.row][label], error * term.value + options.decay * weight);
                }
            }
        }
    }
}

Answer LinearModel::answer(const Example& example) const {
    const auto given = probabilities(example.text);
    const auto best = static_cast<std::size_t>(std::ranges::max_element(given) - given.begin());
    const auto label = static_cast<Label>(best);
    return {.expected = example.label, .given = label, .confidence = given[best], .acceptable = example.accepts(label)};
}

}  // namespace sarai::router
