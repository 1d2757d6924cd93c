// How good answers are, counted: accuracy, F1, confusion, calibration. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "router/classifier.hpp"
#include "router/example.hpp"

namespace sarai::router {

struct ClassFigures {
    double precision = 0;
    double recall = 0;
    double f1 = 0;
    std::int64_t support = 0;  // prompts whose label it is
};

struct Answer {
    Label expected = Label::hard;
    Label given = Label::hard;
    double confidence = 0;    // of the given label, 0…1
    bool acceptable = false;  // right, or among the further labels
    bool abstained = false;   // unlike training
};

struct Metrics {
    std::int64_t count = 0;
    double accuracy = 0;    // strict
    double acceptable = 0;  // with further labels
    double macro_f1 = 0;
    std::array<ClassFigures, all_labels.size()> classes{};
    std::array<std::array<std::int64_t, all_labels.size()>, all_labels.size()> confusion{};  // [expected][given]
    // Expected calibration error over 15 bins of equal width (Guo et al. 2017): the confidence in the given label
    // against how often it is the right one.
    double calibration_error = 0;
    std::int64_t abstained = 0;
};

[[nodiscard]] Metrics measure(std::span<const Answer> answers);

[[nodiscard]] Answer answer_of(const Example& example, const Scores& scores, float familiar_enough);

}  // namespace sarai::router
