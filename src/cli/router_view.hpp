// What `sarai router` found, as people and scripts read it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/io.hpp"
#include "router/classifier.hpp"
#include "router/explain.hpp"
#include "router/metrics.hpp"
#include "router/train.hpp"

namespace sarai::cli {

struct Evaluation {
    std::string name;  // of the weights
    std::int64_t parameters = 0;
    Bytes memory;
    double microseconds = 0;  // median of a score
    router::Metrics metrics;
    double languages = 0;  // share of prompts whose language was told
    std::optional<router::Metrics> baseline;
    struct Mistake {
        std::string text;
        router::Label expected, given;
        bool acceptable = false;
        double confidence = 0;
    };
    std::vector<Mistake> mistakes;
};
[[nodiscard]] std::string evaluation_text(const Evaluation& evaluation, const Style& style);
[[nodiscard]] std::string evaluation_json(const Evaluation& evaluation);

struct Explanation {
    std::string name;  // of the weights
    router::Scores scores;
    float familiar_enough = 0;
    std::vector<router::Influence> influences;
    struct Similar {
        std::string text;
        router::Label label;
        float likeness = 0;
    };
    std::vector<Similar> similar;
    std::string no_similar;  // why there are none
};
[[nodiscard]] std::string explanation_text(const Explanation& explanation, bool unicode, const Style& style);
[[nodiscard]] std::string explanation_json(const Explanation& explanation);

// Losses over the epochs, and which was kept.
[[nodiscard]] std::string training_text(const std::vector<router::EpochReport>& curve, int width, bool unicode);

}  // namespace sarai::cli
