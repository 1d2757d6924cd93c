// How large the demo's model is: a small llama, whose tensors are named as llama.cpp names them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace train_demo {

struct Shape {
    int vocabulary = 2048;  // tokens
    int embedding = 256;    // as the other widths a multiple of 32, a block of Q8_0
    int heads = 8;
    int hidden = 512;  // of the feed-forward networks
    int layers = 3;

    [[nodiscard]] int head() const { return embedding / heads; }
    bool operator==(const Shape&) const = default;
};

// What llama.cpp computes with must be what was trained with.
inline constexpr float norm_epsilon = 1e-5F;
inline constexpr float rope_base = 10000;

struct TensorShape {
    std::string name;
    std::int64_t in = 0, out = 0;  // length of a row, rows
    [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(in * out); }
};

// Places within a layer's tensors, which follow the embedding's, layer by layer.
enum LayerTensor : std::size_t { query, key, value, attention_output, gate, up, down, layer_tensors };
[[nodiscard]] constexpr std::size_t place(int layer, LayerTensor tensor) {
    return 1 + static_cast<std::size_t>(layer) * layer_tensors + tensor;
}

// The trained tensors: the embedding, which is the output as well, and the layers' matrices. The norms have no weights:
// a factor for each number is as well learnt by the matrix that reads it.
[[nodiscard]] std::vector<TensorShape> trained_tensors(const Shape& shape);
[[nodiscard]] std::int64_t parameter_count(const Shape& shape);

// Errors: Code::invalid_argument for widths that Q8_0 or the rotation cannot have.
[[nodiscard]] sarai::Result<void> check(const Shape& shape);

}  // namespace train_demo
