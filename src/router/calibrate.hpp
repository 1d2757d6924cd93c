// Scores that mean what they say: Platt's scaling, and the line between what is like training and what is not. Pure.
#pragma once

#include <array>
#include <span>
#include <vector>

namespace sarai::router {

struct Line {
    float slope = 1;
    float offset = 0;
};

// The sigmoid of slope * logit + offset that fits the targets (0…1) best, by Newton's method.
[[nodiscard]] Line fit_sigmoid(std::span<const float> logits, std::span<const float> targets);

// Below which share of known words and letters a text is unlike training: where one in a thousand of the real ones
// falls, or half-way to the noise where that is far away.
[[nodiscard]] float choose_familiar_enough(std::vector<float> real, std::vector<float> noise);

}  // namespace sarai::router
