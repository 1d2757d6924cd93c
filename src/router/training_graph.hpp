// One step of training as a ggml graph, built once: forward, backward and AdamW for the network's tensors, and the
// gradient of what was pooled for the embedding table, whose few touched rows are moved elsewhere.
#pragma once

#include <span>
#include <vector>

#include "router/network.hpp"

namespace sarai::router {

class TrainingGraph {
public:
    // Begins with `start`, the numbers of network_tensors() in their order.
    [[nodiscard]] static Result<TrainingGraph> make(const Shape& shape, int batch,
                                                    const std::vector<std::vector<float>>& start);

    [[nodiscard]] std::span<float> pooled();   // to be filled: slots * width for each of the batch
    [[nodiscard]] std::span<float> targets();  // to be filled: heads for each of the batch, two numbers each, sum 1
    struct Rates {
        float learning = 1e-3F;
        float decay = 1e-2F;
    };
    // Mean loss over batch and heads, of the last cycle and of all of them.
    struct Loss {
        float last = 0;
        float sum = 0;
    };
    Loss step(const Rates& rates);
    [[nodiscard]] std::span<const float> pooled_gradient() const;
    [[nodiscard]] std::span<const float> tensor(std::size_t index) const;  // as trained so far

private:
    TrainingGraph() = default;
    Backend backend_;
    Context context_;
    ggml_cgraph* graph_ = nullptr;
    ggml_tensor* pooled_ = nullptr;
    ggml_tensor* targets_ = nullptr;
    ggml_tensor* loss_ = nullptr;
    ggml_tensor* last_loss_ = nullptr;
    ggml_tensor* rates_ = nullptr;
    ggml_tensor* pooled_gradient_ = nullptr;
    std::vector<ggml_tensor*> tensors_;
    int steps_ = 0;
};

}  // namespace sarai::router
