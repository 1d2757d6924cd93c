// The embedding table in training: pooled forwards, and moved backwards where a batch touched it, by Adam with moments
// of each row of its own ("lazy": what a batch does not contain does not move). ggml's get_rows would hand back a
// gradient of the whole table, of which a batch touches a fifth.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "router/pooling.hpp"
#include "router/random.hpp"
#include "router/shape.hpp"

namespace sarai::router {

class Table {
public:
    Table(const Shape& shape, std::vector<float> importance, Random& random);

    void pool_into(std::span<const Pick> picks, std::span<float> into, std::span<float, slot_count> sums) const;

    // Gradients of one text, from that of its pooled vector (which is what pool_into gave).
    void add_gradient(std::span<const Pick> picks, std::span<const float> pooled,
                      std::span<const float, slot_count> sums, std::span<const float> gradient);
    struct Rates {
        float learning = 2e-3F;
        float decay = 0;
    };
    void step(const Rates& rates);  // moves the touched rows and forgets their gradients

    std::vector<float> embedding;
    std::vector<float> importance;

private:
    std::size_t width_;
    std::vector<float> first_, second_;  // moments, width + 1 a row
    std::vector<std::int32_t> place_;    // of a row among the touched, -1
    std::vector<std::int32_t> touched_;
    std::vector<float> gradients_;  // of the touched, width + 1 each
    int steps_ = 0;
};

}  // namespace sarai::router
