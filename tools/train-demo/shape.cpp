#include "shape.hpp"

#include <fmt/format.h>

namespace train_demo {

std::vector<TensorShape> trained_tensors(const Shape& shape) {
    const std::int64_t width = shape.embedding;
    const std::int64_t hidden = shape.hidden;
    std::vector<TensorShape> tensors{{"token_embd.weight", width, shape.vocabulary}};
    for (int layer = 0; layer < shape.layers; ++layer) {
        const auto add = [&](const char* name, std::int64_t in, std::int64_t out) {
            tensors.push_back({fmt::format("blk.{}.{}.weight", layer, name), in, out});
        };
        add("attn_q", width, width);
        add("attn_k", width, width);
        add("attn_v", width, width);
        add("attn_output", width, width);
        add("ffn_gate", width, hidden);
        add("ffn_up", width, hidden);
        add("ffn_down", hidden, width);
    }
    return tensors;
}

std::int64_t parameter_count(const Shape& shape) {
    std::int64_t count = 0;
    for (const auto& tensor : trained_tensors(shape)) count += tensor.in * tensor.out;
    return count;
}

sarai::Result<void> check(const Shape& shape) {
    constexpr int block = 32;  // of Q8_0
    const auto wrong = [](const char* field, int value, const std::string& expected) {
        return sarai::fail_field(field, fmt::format("{} is {}, expected {}", field, value, expected));
    };
    if (shape.embedding % block != 0) return wrong("width", shape.embedding, "a multiple of 32");
    if (shape.hidden % block != 0) return wrong("hidden", shape.hidden, "a multiple of 32");
    if (shape.embedding % (2 * shape.heads) != 0)
        return wrong("heads", shape.heads, fmt::format("what divides half of the width, {}", shape.embedding / 2));
    return {};
}

}  // namespace train_demo
