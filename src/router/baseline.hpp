// What the TRM has to beat on its own features: multinomial logistic regression over rarity-weighted features, trained
// by AdaGrad with L2. For `sarai router eval --baseline`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "router/example.hpp"
#include "router/metrics.hpp"
#include "router/vocabulary.hpp"

namespace sarai::router {

class LogisticRegression {
public:
    struct Options {
        int epochs = 30;
        float rate = 0.5F;
        float decay = 1e-5F;
        std::uint64_t seed = 1;
    };
    LogisticRegression(std::span<const Example> examples, const Options& options);

    [[nodiscard]] Answer answer(const Example& example) const;

private:
    using Probabilities = std::array<float, all_labels.size()>;
    struct Term {
        std::size_t row = 0;
        float value = 0;
    };
    [[nodiscard]] std::vector<Term> terms_of(std::string_view text) const;
    [[nodiscard]] Probabilities probabilities(std::span<const Term> terms) const;

    Vocabulary vocabulary_;
    std::vector<Probabilities> weights_;  // of each row; the last is the bias
};

}  // namespace sarai::router
