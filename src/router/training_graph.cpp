#include "router/training_graph.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sarai::router {
namespace {

constexpr float adam_beta1 = 0.9F;
constexpr float adam_beta2 = 0.98F;
constexpr float adam_epsilon = 1e-8F;

std::span<float> numbers(const ggml_tensor* tensor) {
    return {static_cast<float*>(tensor->data), static_cast<std::size_t>(ggml_nelements(tensor))};
}

}  // namespace

Result<TrainingGraph> TrainingGraph::make(const Shape& shape, int batch, const std::vector<std::vector<float>>& start) {
    TrainingGraph made;
    auto backend = make_cpu_backend();
    if (!backend) return std::unexpected(backend.error());
    made.backend_ = std::move(*backend);

    // Every tensor has memory of its own: activations and their gradients, some dozens for each call of the network.
    constexpr std::size_t most_nodes = 8192;
    const auto calls = static_cast<std::size_t>(shape.cycles) * static_cast<std::size_t>(shape.steps + 1);
    const auto activation =
        static_cast<std::size_t>(std::max(shape.state, shape.hidden)) * static_cast<std::size_t>(batch) * sizeof(float);
    std::size_t weights = 0;
    std::size_t largest = 0;
    for (const auto& tensor : network_tensors(shape)) {
        weights += static_cast<std::size_t>(tensor.count()) * sizeof(float);
        largest = std::max(largest, static_cast<std::size_t>(tensor.count()) * sizeof(float));
    }
    const auto input =
        slot_count * static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(batch) * sizeof(float);
    // Each call adds a gradient to every layer's tensors, and its transposes.
    const auto memory = calls * layer_count * (40 * activation) + calls * (4 * weights) + 8 * weights + 8 * largest +
                        8 * input + 2 * most_nodes * ggml_tensor_overhead() +
                        ggml_graph_overhead_custom(most_nodes, true) + (1U << 20U);
    made.context_.reset(ggml_init({.mem_size = memory, .mem_buffer = nullptr, .no_alloc = false}));
    auto* context = made.context_.get();
    if (context == nullptr) return fail(Code::no_memory, "no memory for training");

    const auto shapes = network_tensors(shape);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        auto* tensor = ggml_new_tensor_2d(context, GGML_TYPE_F32, shapes[i].in, shapes[i].out);
        std::ranges::copy(start[i], numbers(tensor).begin());
        ggml_set_param(tensor);
        made.tensors_.push_back(tensor);
    }
    made.pooled_ =
        ggml_new_tensor_2d(context, GGML_TYPE_F32, static_cast<std::int64_t>(slot_count) * shape.width, batch);
    ggml_set_param(made.pooled_);
    made.targets_ = ggml_new_tensor_2d(context, GGML_TYPE_F32, 2, static_cast<std::int64_t>(head_count) * batch);
    made.rates_ = ggml_new_tensor_1d(context, GGML_TYPE_F32, 7);

    // Deep supervision: the heads' answers count after every cycle.
    const auto recursion = recurse(context, shape, name_tensors(made.tensors_), made.pooled_);
    for (auto* logits : recursion.logits) {
        auto* pairs = ggml_reshape_2d(context, logits, 2, static_cast<std::int64_t>(head_count) * batch);
        made.last_loss_ = ggml_cross_entropy_loss(context, pairs, made.targets_);
        made.loss_ = made.loss_ == nullptr ? made.last_loss_ : ggml_add(context, made.loss_, made.last_loss_);
    }
    ggml_set_loss(made.loss_);
    made.graph_ = ggml_new_graph_custom(context, most_nodes, true);
    ggml_build_forward_expand(made.graph_, made.loss_);
    ggml_build_backward_expand(context, made.graph_, nullptr);
    for (auto* tensor : made.tensors_) {
        auto* first = ggml_dup_tensor(context, tensor);
        auto* second = ggml_dup_tensor(context, tensor);
        ggml_build_forward_expand(
            made.graph_,
            ggml_opt_step_adamw(context, tensor, ggml_graph_get_grad(made.graph_, tensor), first, second, made.rates_));
    }
    made.pooled_gradient_ = ggml_graph_get_grad(made.graph_, made.pooled_);
    if (made.pooled_gradient_ == nullptr) return fail(Code::internal, "ggml made no gradient of the pooled embeddings");
    ggml_graph_reset(made.graph_);  // moments 0, the loss's gradient 1; both last
    return made;
}

std::span<float> TrainingGraph::pooled() { return numbers(pooled_); }
std::span<float> TrainingGraph::targets() { return numbers(targets_); }
std::span<const float> TrainingGraph::pooled_gradient() const { return numbers(pooled_gradient_); }
std::span<const float> TrainingGraph::tensor(std::size_t index) const { return numbers(tensors_[index]); }

TrainingGraph::Loss TrainingGraph::step(const Rates& rates) {
    ++steps_;
    const auto count = static_cast<float>(steps_);
    const std::array<float, 7> values{rates.learning,
                                      adam_beta1,
                                      adam_beta2,
                                      adam_epsilon,
                                      rates.decay,
                                      1 / (1 - std::pow(adam_beta1, count)),
                                      1 / (1 - std::pow(adam_beta2, count))};
    std::ranges::copy(values, numbers(rates_).begin());
    ggml_backend_graph_compute(backend_.get(), graph_);
    return {.last = numbers(last_loss_)[0], .sum = numbers(loss_)[0]};
}

}  // namespace sarai::router
