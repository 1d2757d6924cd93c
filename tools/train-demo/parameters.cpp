#include "parameters.hpp"

#include <cmath>

#include "router/cpu_backend.hpp"
#include "router/random.hpp"

namespace train_demo {

using sarai::Code;
using sarai::fail;

std::span<float> numbers(const ggml_tensor* tensor) {
    return {static_cast<float*>(tensor->data), static_cast<std::size_t>(ggml_nelements(tensor))};
}

sarai::Result<Parameters> Parameters::make(const Shape& shape, std::uint64_t seed) {
    const auto backend = sarai::router::make_cpu_backend();
    if (!backend) return std::unexpected(backend.error());
    const auto shapes = trained_tensors(shape);
    Parameters made;
    made.context_.reset(
        ggml_init({.mem_size = (shapes.size() + 1) * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    for (const auto& one : shapes)
        made.tensors_.push_back(ggml_new_tensor_2d(made.context_.get(), GGML_TYPE_F32, one.in, one.out));
    made.buffer_.reset(ggml_backend_alloc_ctx_tensors(made.context_.get(), backend->get()));
    if (!made.buffer_) return fail(Code::no_memory, "no memory for the model's parameters");

    sarai::router::Random random(seed);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        // What a layer adds begins small, so that the sum over the layers does not drown the tokens.
        const auto part = static_cast<LayerTensor>((i + layer_tensors - 1) % layer_tensors);
        const bool adds = i > 0 && (part == attention_output || part == down);
        const float spread = i == 0 ? 0.05F
                                    : (adds ? 0.3F / std::sqrt(2.0F * static_cast<float>(shape.layers)) : 0.6F) /
                                          std::sqrt(static_cast<float>(shapes[i].in));
        for (auto& value : made.values(i)) value = spread * random.normal();
    }
    return made;
}

}  // namespace train_demo
