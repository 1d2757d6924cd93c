// The model's numbers while it learns, which every graph reads and only the optimizer writes.
#pragma once

#include <ggml-backend.h>
#include <ggml.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "shape.hpp"

namespace train_demo {

struct FreeContext {
    void operator()(ggml_context* context) const { ggml_free(context); }
};
using Context = std::unique_ptr<ggml_context, FreeContext>;
struct FreeBuffer {
    void operator()(ggml_backend_buffer_t buffer) const { ggml_backend_buffer_free(buffer); }
};
using Buffer = std::unique_ptr<ggml_backend_buffer, FreeBuffer>;

[[nodiscard]] std::span<float> numbers(const ggml_tensor* tensor);

class Parameters {
public:
    // Begins at random, the same numbers for the same seed. Errors: Code::unsupported, Code::no_memory.
    [[nodiscard]] static sarai::Result<Parameters> make(const Shape& shape, std::uint64_t seed);

    [[nodiscard]] std::size_t size() const { return tensors_.size(); }
    [[nodiscard]] ggml_tensor* tensor(std::size_t index) const { return tensors_[index]; }
    [[nodiscard]] std::span<float> values(std::size_t index) const { return numbers(tensors_[index]); }

private:
    Parameters() = default;
    Context context_;
    Buffer buffer_;
    std::vector<ggml_tensor*> tensors_;
};

}  // namespace train_demo
