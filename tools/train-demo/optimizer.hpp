// AdamW over a model's parameters (Loshchilov, Hutter 2019), with gradients bounded in their norm.
#pragma once

#include <span>
#include <vector>

#include "graph.hpp"

namespace train_demo {

class Optimizer {
public:
    explicit Optimizer(const Parameters& parameters);

    // One step along the sum of the graphs' gradients.
    void step(std::span<const Graph> graphs, float rate, float decay);

private:
    const Parameters& parameters_;
    std::vector<std::vector<float>> first_, second_, gradient_;  // moments
    double first_power_ = 1, second_power_ = 1;                  // of the moments' factors, for their young days
};

}  // namespace train_demo
