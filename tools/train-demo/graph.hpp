// Loss and gradients of some rows as one ggml graph, built once, that computes on the calling thread.
//
// The way back is written out instead of left to ggml_build_backward_expand, which multiplies by outer products: they
// take many times as long as product() of what was transposed.
#pragma once

#include <ggml-alloc.h>

#include <memory>
#include <span>
#include <vector>

#include "packing.hpp"
#include "parameters.hpp"
#include "router/cpu_backend.hpp"

namespace train_demo {

class Graph {
public:
    // `parameters` must outlive the graph, and not change while it runs.
    [[nodiscard]] static sarai::Result<Graph> make(const Shape& shape, const Parameters& parameters, int rows,
                                                   int length);

    // The sum of the tokens' losses times their weights, and its gradients times `scale`.
    double run(const Rows& rows, float scale);
    [[nodiscard]] std::span<const float> gradient(std::size_t index) const { return numbers(gradients_[index]); }

    // What the node between the way there and the way back needs to know.
    struct Goal {
        std::span<const std::int32_t> targets;
        std::span<const float> weights;
        float scale = 1;
        double loss = 0;
    };

private:
    Graph() = default;
    void build(const Shape& shape, const Parameters& parameters, int rows, int length);
    void fill_mask(const Rows& rows);

    struct FreeAllocator {
        void operator()(ggml_gallocr_t allocator) const { ggml_gallocr_free(allocator); }
    };
    sarai::router::Backend backend_;
    Context inputs_;
    Buffer input_memory_;
    Context context_;
    std::unique_ptr<ggml_gallocr, FreeAllocator> allocator_;
    std::unique_ptr<Goal> goal_ = std::make_unique<Goal>();
    ggml_cgraph* graph_ = nullptr;
    ggml_tensor* tokens_ = nullptr;
    ggml_tensor* positions_ = nullptr;
    ggml_tensor* mask_ = nullptr;
    std::vector<ggml_tensor*> gradients_;
};

}  // namespace train_demo
