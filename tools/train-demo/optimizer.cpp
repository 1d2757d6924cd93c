#include "optimizer.hpp"

#include <algorithm>
#include <cmath>

namespace train_demo {
namespace {

constexpr float beta1 = 0.9F;
constexpr float beta2 = 0.98F;
constexpr float epsilon = 1e-8F;
constexpr double longest = 1;  // norm of all gradients

}  // namespace

Optimizer::Optimizer(const Parameters& parameters) : parameters_(parameters) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const auto count = parameters.values(i).size();
        first_.emplace_back(count, 0.0F);
        second_.emplace_back(count, 0.0F);
        gradient_.emplace_back(count, 0.0F);
    }
}

void Optimizer::step(std::span<const Graph> graphs, float rate, float decay) {
    double square = 0;
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
        auto& sum = gradient_[i];
        std::ranges::fill(sum, 0.0F);
        for (const auto& graph : graphs) {
            const auto one = graph.gradient(i);
            for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += one[j];
        }
        for (const float value : sum) square += static_cast<double>(value) * static_cast<double>(value);
    }
    const auto shorter = static_cast<float>(std::min(1.0, longest / std::max(std::sqrt(square), 1e-12)));
    first_power_ *= beta1;
    second_power_ *= beta2;
    const auto first_grown = static_cast<float>(1 / (1 - first_power_));
    const auto second_grown = static_cast<float>(1 / (1 - second_power_));
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
        const auto values = parameters_.values(i);
        auto& first = first_[i];
        auto& second = second_[i];
        for (std::size_t j = 0; j < values.size(); ++j) {
            const float gradient = gradient_[i][j] * shorter;
            first[j] += (1 - beta1) * (gradient - first[j]);
            second[j] += (1 - beta2) * (gradient * gradient - second[j]);
            const float along = first[j] * first_grown / (std::sqrt(second[j] * second_grown) + epsilon);
            values[j] -= rate * (along + decay * values[j]);
        }
    }
}

}  // namespace train_demo
