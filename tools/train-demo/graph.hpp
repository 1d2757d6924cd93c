// Loss and gradients of some rows as one ggml graph, built once, that computes on the calling thread.
//
// The way back is written out instead of left to ggml_build_backward_expand, which multiplies by outer products: they
// take many times as long as product() of what was transposed.
#pragma once

#include <ggml-alloc.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "packing.hpp"
#include "parameters.hpp"
#include "router/cpu_backend.hpp"
#include "router/random.hpp"

namespace train_demo {

class Graph {
public:
    // `parameters` must outlive the graph, and not change while it runs.
    [[nodiscard]] static sarai::Result<Graph> make(const Shape& shape, const Parameters& parameters, int rows,
                                                   int length, std::uint64_t seed = 0);

    // The sum of the tokens' losses times their weights, and its gradients times `scale`. The share `dropped` of what
    // the embedding and each half of a layer say is left out by chance, and the rest made larger (Srivastava et al.
    // 2014).
    double run(const Rows& rows, float scale, float dropped = 0);
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
    void fill_dropout(float dropped);

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
    std::vector<ggml_tensor*> dropout_;  // factors: of the embedding, and of attention and feed-forward, layer by layer
    std::vector<ggml_tensor*> gradients_;
    sarai::router::Random random_{0};
};

}  // namespace train_demo
