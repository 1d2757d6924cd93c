// The sizes of a TRM: its hyper-parameters, and the tensors that follow from them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "router/classifier.hpp"
#include "router/features.hpp"

namespace sarai::router {

inline constexpr int layer_count = 2;  // of the one network (the paper's finding: more layers overfit)
// Heads: hard, soft, web_query, and the language (es against en). Each is a pair of logits, whose softmax is a sigmoid
// of their difference, since ggml has a backward pass for cross entropy and none for binary cross entropy.
inline constexpr int head_count = 4;
inline constexpr int language_head = 3;

struct Shape {
    int rows = 192 * 1024;  // of the embedding table, a multiple of 32
    int width = 32;         // of an embedding; a multiple of 32, as Q8_0's blocks
    int state = 64;         // of x, y and z; likewise
    int hidden = 128;       // of the network's layers; likewise
    int cycles = 2;         // H: how often the answer y is refined, and read by the heads
    int steps = 1;          // L: how often the latent z is refined before each
    auto operator<=>(const Shape&) const = default;
};

[[nodiscard]] Shape shape_of(Size size);

// Numbers that a file may claim: Code::corrupt_file, naming the one that cannot be.
[[nodiscard]] Result<void> check(const Shape& shape);

// A matrix of the network, `in` numbers to `out`; `out` is 1 for vectors.
struct TensorShape {
    std::string name;
    std::int64_t in = 0;
    std::int64_t out = 1;
    [[nodiscard]] std::int64_t count() const { return in * out; }
};
// All but the embedding table, in the order in which they are kept.
[[nodiscard]] std::vector<TensorShape> network_tensors(const Shape& shape);

// With the embedding table, its rows' weights and what the linear model has of them.
[[nodiscard]] std::int64_t parameter_count(const Shape& shape);

}  // namespace sarai::router
