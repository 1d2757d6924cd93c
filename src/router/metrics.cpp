#include "router/metrics.hpp"

#include <algorithm>
#include <cmath>

namespace sarai::router {
namespace {

constexpr std::size_t bins = 15;

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

double calibration_error(std::span<const Answer> answers) {
    struct Bin {
        double confidence = 0, right = 0, count = 0;
    };
    std::array<Bin, bins> filled{};
    for (const auto& answer : answers) {
        const auto place = static_cast<std::size_t>(std::clamp(answer.confidence, 0.0, 1.0) * bins);
        auto& bin = filled[std::min(place, bins - 1)];
        bin.confidence += answer.confidence;
        bin.right += answer.given == answer.expected ? 1 : 0;
        bin.count += 1;
    }
    double error = 0;
    for (const auto& bin : filled) error += std::abs(bin.right - bin.confidence);
    return share(error, static_cast<double>(answers.size()));
}

}  // namespace

Metrics measure(std::span<const Answer> answers) {
    Metrics result{.count = std::ssize(answers)};
    std::int64_t right = 0;
    std::int64_t acceptable = 0;
    for (const auto& answer : answers) {
        ++result.confusion[static_cast<std::size_t>(answer.expected)][static_cast<std::size_t>(answer.given)];
        right += answer.expected == answer.given ? 1 : 0;
        acceptable += answer.acceptable ? 1 : 0;
        result.abstained += answer.abstained ? 1 : 0;
    }
    const auto count = static_cast<double>(answers.size());
    result.accuracy = share(static_cast<double>(right), count);
    result.acceptable = share(static_cast<double>(acceptable), count);
    for (std::size_t label = 0; label < all_labels.size(); ++label) {
        double expected = 0;
        double given = 0;
        for (std::size_t other = 0; other < all_labels.size(); ++other) {
            expected += static_cast<double>(result.confusion[label][other]);
            given += static_cast<double>(result.confusion[other][label]);
        }
        const auto hits = static_cast<double>(result.confusion[label][label]);
        auto& figures = result.classes[label];
        figures.precision = share(hits, given);
        figures.recall = share(hits, expected);
        figures.f1 = share(2 * hits, given + expected);
        figures.support = static_cast<std::int64_t>(expected);
        result.macro_f1 += figures.f1 / static_cast<double>(all_labels.size());
    }
    result.calibration_error = calibration_error(answers);
    return result;
}

Answer answer_of(const Example& example, const Scores& scores, float familiar_enough) {
    const auto given = scores.best();
    return {.expected = example.label,
            .given = given,
            .confidence = scores.of(given),
            .acceptable = example.accepts(given),
            .abstained = scores.familiar < familiar_enough};
}

}  // namespace sarai::router
