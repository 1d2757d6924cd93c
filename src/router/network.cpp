#include "router/network.hpp"

namespace sarai::router {
namespace {

constexpr float norm_epsilon = 1e-5F;

ggml_tensor* net(ggml_context* context, const NetworkTensors& weights, ggml_tensor* u) {
    for (const auto& layer : weights.layers) {
        auto* gated =
            ggml_swiglu_split(context, ggml_mul_mat(context, layer.gate, u), ggml_mul_mat(context, layer.up, u));
        u = ggml_rms_norm(context, ggml_add(context, u, ggml_mul_mat(context, layer.down, gated)), norm_epsilon);
    }
    return u;
}

}  // namespace

NetworkTensors name_tensors(const std::vector<ggml_tensor*>& in_order) {
    NetworkTensors named;
    auto next = in_order.begin();
    named.input = *next++;
    named.input_bias = *next++;
    named.y = *next++;
    named.z = *next++;
    for (int i = 0; i < layer_count; ++i) {
        auto& layer = named.layers.emplace_back();
        layer.gate = *next++;
        layer.up = *next++;
        layer.down = *next++;
    }
    named.head = *next++;
    named.head_bias = *next;
    return named;
}

Recursion recurse(ggml_context* context, const Shape& shape, const NetworkTensors& weights, ggml_tensor* pooled) {
    Recursion made;
    auto* x = ggml_rms_norm(
        context, ggml_add(context, ggml_mul_mat(context, weights.input, pooled), weights.input_bias), norm_epsilon);
    // Broadcast by addition: x has the batch's size, the beginnings of y and z are the same for all.
    auto* y = weights.y;
    auto* z = weights.z;
    for (int cycle = 0; cycle < shape.cycles; ++cycle) {
        for (int step = 0; step < shape.steps; ++step)
            z = net(context, weights, ggml_add(context, ggml_add(context, x, y), z));
        y = net(context, weights, ggml_add(context, z, y));
        made.logits.push_back(ggml_add(context, ggml_mul_mat(context, weights.head, y), weights.head_bias));
    }
    made.answer = y;
    return made;
}

Result<Network> Network::make(const Shape& shape, int batch, const std::vector<TensorView>& views) {
    Network made;
    auto backend = make_cpu_backend();
    if (!backend) return std::unexpected(backend.error());
    made.backend_ = std::move(*backend);

    const auto shapes = network_tensors(shape);
    const auto state =
        static_cast<std::size_t>(std::max(shape.state, shape.hidden)) * sizeof(float) * static_cast<std::size_t>(batch);
    // Per call of net: three matrices, a gate, a sum and a norm for each layer, and the sums before.
    const auto calls = static_cast<std::size_t>(shape.cycles) * static_cast<std::size_t>(shape.steps + 1);
    const auto nodes = 16 + calls * (6 * layer_count + 4);
    const auto pooled_bytes =
        slot_count * static_cast<std::size_t>(shape.width) * sizeof(float) * static_cast<std::size_t>(batch);
    made.memory_ = nodes * (state + ggml_tensor_overhead() + 64) + shapes.size() * ggml_tensor_overhead() +
                   pooled_bytes + ggml_graph_overhead_custom(nodes * 2, false) + 4096;
    made.context_.reset(ggml_init({.mem_size = made.memory_, .mem_buffer = nullptr, .no_alloc = false}));
    auto* context = made.context_.get();
    if (context == nullptr) return fail(Code::no_memory, "no memory for the router's network");

    std::vector<ggml_tensor*> tensors;
    ggml_set_no_alloc(context, true);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        tensors.push_back(ggml_new_tensor_2d(context, views[i].type, shapes[i].in, shapes[i].out));
        tensors.back()->data = const_cast<void*>(views[i].data);  // ggml only reads weights of a forward pass
    }
    ggml_set_no_alloc(context, false);
    made.pooled_ =
        ggml_new_tensor_2d(context, GGML_TYPE_F32, static_cast<std::int64_t>(slot_count) * shape.width, batch);
    made.logits_ = recurse(context, shape, name_tensors(tensors), made.pooled_).logits.back();
    made.graph_ = ggml_new_graph_custom(context, nodes * 2, false);
    ggml_build_forward_expand(made.graph_, made.logits_);
    return made;
}

std::span<float> Network::pooled() {
    return {static_cast<float*>(pooled_->data), static_cast<std::size_t>(ggml_nelements(pooled_))};
}

std::span<const float> Network::run() {
    ggml_backend_graph_compute(backend_.get(), graph_);
    return {static_cast<const float*>(logits_->data), static_cast<std::size_t>(ggml_nelements(logits_))};
}

}  // namespace sarai::router
