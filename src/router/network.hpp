// The recursive part of the TRM as ggml graphs: pooled embeddings in, logits of every cycle out.
//
//     x = norm(W·pooled + b)
//     H times:  L times  z ← net(x + y + z)      the latent
//               then     y ← net(y + z)          the answer, which the heads read
//
// net is one network of two SwiGLU layers for both (Jolicoeur-Martineau 2025, "Less is More: Recursive Reasoning with
// Tiny Networks"). x, y and z are vectors: the slots stand side by side in `pooled` and are mixed by W, since a
// prompt's features are a bag and no grid of places. The graph is built once for a batch's size and used again.
#pragma once

#include <ggml.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "router/cpu_backend.hpp"
#include "router/shape.hpp"

namespace sarai::router {

struct FreeContext {
    void operator()(ggml_context* context) const { ggml_free(context); }
};
using Context = std::unique_ptr<ggml_context, FreeContext>;

// A tensor's numbers, read in place: they must outlive the network.
struct TensorView {
    ggml_type type = GGML_TYPE_F32;
    const void* data = nullptr;
};

// The tensors by the names of network_tensors(), in a context.
struct NetworkTensors {
    ggml_tensor* input = nullptr;
    ggml_tensor* input_bias = nullptr;
    ggml_tensor* y = nullptr;
    ggml_tensor* z = nullptr;
    struct Layer {
        ggml_tensor* gate = nullptr;
        ggml_tensor* up = nullptr;
        ggml_tensor* down = nullptr;
    };
    std::vector<Layer> layers;
    ggml_tensor* head = nullptr;
    ggml_tensor* head_bias = nullptr;
};
[[nodiscard]] NetworkTensors name_tensors(const std::vector<ggml_tensor*>& in_order);

struct Recursion {
    std::vector<ggml_tensor*> logits;  // [2 * heads, batch] after every cycle
    ggml_tensor* answer = nullptr;     // y at the end
};
[[nodiscard]] Recursion recurse(ggml_context* context, const Shape& shape, const NetworkTensors& weights,
                                ggml_tensor* pooled);

// Inference. Not for use by several threads at once.
class Network {
public:
    // `views` are in the order of network_tensors(). Errors: Code::unsupported where there is no CPU backend.
    [[nodiscard]] static Result<Network> make(const Shape& shape, int batch, const std::vector<TensorView>& views);

    [[nodiscard]] std::span<float> pooled();  // to be filled: slots * width numbers for each of the batch
    // Logits of the last cycle, 2 * heads numbers for each of the batch; valid until the next call.
    [[nodiscard]] std::span<const float> run();
    [[nodiscard]] std::size_t memory() const { return memory_; }

private:
    Network() = default;
    Backend backend_;
    Context context_;
    ggml_cgraph* graph_ = nullptr;
    ggml_tensor* pooled_ = nullptr;
    ggml_tensor* logits_ = nullptr;
    std::size_t memory_ = 0;
};

}  // namespace sarai::router
