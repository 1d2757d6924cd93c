#include "graph.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "product.hpp"

namespace train_demo {
namespace {

constexpr std::size_t most_nodes = 4096;

// Probabilities become the loss' gradient by the logits, in place: p, less 1 at the target, times the weight.
void meet_goal(ggml_tensor* errors, const ggml_tensor* /*probabilities*/, int ith, int /*nth*/, void* of) {
    if (ith != 0) return;
    auto& goal = *static_cast<Graph::Goal*>(of);
    const auto all = numbers(errors);
    const auto vocabulary = static_cast<std::size_t>(errors->ne[0]);
    goal.loss = 0;
    for (std::size_t i = 0; i < goal.targets.size(); ++i) {
        const auto row = all.subspan(i * vocabulary, vocabulary);
        const float weight = goal.weights[i];
        if (weight <= 0) {
            std::ranges::fill(row, 0.0F);
            continue;
        }
        float& target = row[static_cast<std::size_t>(goal.targets[i])];
        goal.loss -= static_cast<double>(weight) * std::log(std::max(target, 1e-30F));
        target -= 1;
        for (float& value : row) value *= weight * goal.scale;
    }
}

// Names for what ggml composes of several steps, on tensors of [width, tokens] or of heads, [head, length, heads,
// rows].
class Maker {
public:
    Maker(ggml_context* context, const Shape& shape, int rows, int length, ggml_tensor* positions)
        : c_(context), shape_(shape), rows_(rows), length_(length), positions_(positions) {}

    ggml_tensor* transposed(ggml_tensor* a) { return ggml_transpose(c_, a); }
    ggml_tensor* split(ggml_tensor* flat) {
        return ggml_permute(c_, ggml_reshape_4d(c_, flat, shape_.head(), shape_.heads, length_, rows_), 0, 2, 1, 3);
    }
    ggml_tensor* join(ggml_tensor* heads) {
        auto* four = ggml_cont(c_, ggml_permute(c_, heads, 0, 2, 1, 3));
        return ggml_reshape_2d(c_, four, shape_.embedding, static_cast<std::int64_t>(rows_) * length_);
    }
    // Turns pairs of neighbours, as llama.cpp does for the architecture "llama".
    ggml_tensor* turn(ggml_tensor* flat, bool back = false) {
        auto* three =
            ggml_reshape_3d(c_, flat, shape_.head(), shape_.heads, static_cast<std::int64_t>(rows_) * length_);
        const auto function = back ? ggml_rope_ext_back : ggml_rope_ext;
        auto* turned = function(c_, three, positions_, nullptr, shape_.head(), GGML_ROPE_TYPE_NORMAL, 0, rope_base, 1,
                                0, 1, 32, 1);
        return ggml_reshape_2d(c_, turned, shape_.embedding, static_cast<std::int64_t>(rows_) * length_);
    }

private:
    ggml_context* c_;
    const Shape& shape_;
    int rows_, length_;
    ggml_tensor* positions_;
};

// What the way back needs of the way there.
struct Kept {
    ggml_tensor *in, *in_norm, *query, *key, *value, *attention, *joined;
    ggml_tensor *middle, *middle_norm, *gate, *opened, *up, *product;
};

}  // namespace

sarai::Result<Graph> Graph::make(const Shape& shape, const Parameters& parameters, int rows, int length,
                                 std::uint64_t seed) {
    Graph made;
    made.random_ = sarai::router::Random(seed);
    const auto factors = static_cast<std::size_t>(1 + 2 * shape.layers);
    auto backend = sarai::router::make_cpu_backend();
    if (!backend) return std::unexpected(backend.error());
    made.backend_ = std::move(*backend);
    made.inputs_.reset(
        ggml_init({.mem_size = (4 + factors) * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    const auto tokens = static_cast<std::int64_t>(rows) * length;
    made.tokens_ = ggml_new_tensor_1d(made.inputs_.get(), GGML_TYPE_I32, tokens);
    made.positions_ = ggml_new_tensor_1d(made.inputs_.get(), GGML_TYPE_I32, tokens);
    made.mask_ = ggml_new_tensor_4d(made.inputs_.get(), GGML_TYPE_F32, length, length, 1, rows);
    for (std::size_t i = 0; i < factors; ++i)
        made.dropout_.push_back(ggml_new_tensor_2d(made.inputs_.get(), GGML_TYPE_F32, shape.embedding, tokens));
    made.input_memory_.reset(ggml_backend_alloc_ctx_tensors(made.inputs_.get(), made.backend_.get()));
    made.context_.reset(
        ggml_init({.mem_size = most_nodes * ggml_tensor_overhead() + ggml_graph_overhead_custom(most_nodes, false),
                   .mem_buffer = nullptr,
                   .no_alloc = true}));
    if (!made.input_memory_ || !made.context_) return sarai::fail(sarai::Code::no_memory, "no memory for training");
    made.build(shape, parameters, rows, length);
    made.allocator_.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(made.backend_.get())));
    if (!ggml_gallocr_alloc_graph(made.allocator_.get(), made.graph_))
        return sarai::fail(sarai::Code::no_memory, "no memory for training");
    // Only distances count for a rotation, so that chats need not begin at position 0.
    auto* positions = static_cast<std::int32_t*>(made.positions_->data);
    for (std::int64_t i = 0; i < tokens; ++i) positions[i] = static_cast<std::int32_t>(i % length);
    return made;
}

void Graph::build(const Shape& shape, const Parameters& parameters, int rows, int length) {
    auto* c = context_.get();
    graph_ = ggml_new_graph_custom(c, most_nodes, false);
    Maker make(c, shape, rows, length, positions_);
    const float scale = 1 / std::sqrt(static_cast<float>(shape.head()));
    const auto weight = [&](int layer, LayerTensor which) { return parameters.tensor(place(layer, which)); };
    const auto norm = [&](ggml_tensor* x) { return ggml_rms_norm(c, x, norm_epsilon); };

    // There.
    auto* embedding = parameters.tensor(0);
    const auto thinned = [&](ggml_tensor* x, std::size_t where) { return ggml_mul(c, x, dropout_[where]); };
    auto* x = thinned(ggml_get_rows(c, embedding, tokens_), 0);
    std::vector<Kept> layers;
    for (int layer = 0; layer < shape.layers; ++layer) {
        const auto half = 1 + 2 * static_cast<std::size_t>(layer);
        Kept k{};
        k.in = x;
        k.in_norm = norm(x);
        k.query = make.split(make.turn(product(c, weight(layer, query), k.in_norm)));
        k.key = make.split(make.turn(product(c, weight(layer, key), k.in_norm)));
        k.value = make.split(product(c, weight(layer, value), k.in_norm));
        k.attention = ggml_soft_max_ext(c, product(c, k.key, k.query), mask_, scale, 0);
        k.joined = make.join(product(c, make.transposed(k.value), k.attention));
        k.middle = ggml_add(c, x, thinned(product(c, weight(layer, attention_output), k.joined), half));
        k.middle_norm = norm(k.middle);
        k.gate = product(c, weight(layer, gate), k.middle_norm);
        k.opened = ggml_silu(c, k.gate);
        k.up = product(c, weight(layer, up), k.middle_norm);
        k.product = ggml_mul(c, k.opened, k.up);
        x = ggml_add(c, k.middle, thinned(product(c, weight(layer, down), k.product), half + 1));
        layers.push_back(k);
    }
    auto* last_norm = norm(x);
    auto* probabilities = ggml_soft_max(c, product(c, embedding, last_norm));
    auto* errors = ggml_map_custom1_inplace(c, probabilities, meet_goal, 1, goal_.get());
    ggml_build_forward_expand(graph_, errors);

    // And back: of y = Wx the gradients are W'y' by x and y'x' by W. Each is computed as soon as it can be, so that
    // memory is free again early.
    gradients_.resize(parameters.size());
    const auto learn = [&](std::size_t index, ggml_tensor* in_transposed, ggml_tensor* out_gradient) {
        gradients_[index] = product(c, in_transposed, make.transposed(out_gradient));
        ggml_set_output(gradients_[index]);
        ggml_build_forward_expand(graph_, gradients_[index]);
    };
    const auto back = [&](ggml_tensor* matrix, ggml_tensor* out_gradient) {
        return product(c, make.transposed(matrix), out_gradient);
    };
    const auto back_through_norm = [&](ggml_tensor* gradient, ggml_tensor* in) {
        return ggml_rms_norm_back(c, gradient, in, norm_epsilon);
    };
    auto* of_output = product(c, make.transposed(last_norm), make.transposed(errors));
    ggml_build_forward_expand(graph_, of_output);
    auto* d = back_through_norm(back(embedding, errors), x);
    for (int layer = shape.layers - 1; layer >= 0; --layer) {
        const auto& k = layers[static_cast<std::size_t>(layer)];
        const auto half = 1 + 2 * static_cast<std::size_t>(layer);
        auto* d_down = thinned(d, half + 1);
        learn(place(layer, down), make.transposed(k.product), d_down);
        auto* d_product = back(weight(layer, down), d_down);
        auto* d_up = ggml_mul(c, d_product, k.opened);
        auto* d_gate = ggml_silu_back(c, ggml_mul(c, d_product, k.up), k.gate);
        auto* middle_norm = make.transposed(k.middle_norm);
        learn(place(layer, up), middle_norm, d_up);
        learn(place(layer, gate), middle_norm, d_gate);
        auto* d_norm = ggml_add(c, back(weight(layer, gate), d_gate), back(weight(layer, up), d_up));
        d = ggml_add(c, d, back_through_norm(d_norm, k.middle));

        auto* d_output = thinned(d, half);
        learn(place(layer, attention_output), make.transposed(k.joined), d_output);
        auto* d_heads = make.split(back(weight(layer, attention_output), d_output));
        auto* d_value = make.join(product(c, make.transposed(d_heads), make.transposed(k.attention)));
        auto* d_scores = ggml_soft_max_ext_back(c, product(c, k.value, d_heads), k.attention, scale, 0);
        auto* d_query = make.turn(make.join(product(c, make.transposed(k.key), d_scores)), true);
        auto* d_key = make.turn(make.join(product(c, make.transposed(k.query), make.transposed(d_scores))), true);
        auto* in_norm = make.transposed(k.in_norm);
        learn(place(layer, query), in_norm, d_query);
        learn(place(layer, key), in_norm, d_key);
        learn(place(layer, value), in_norm, d_value);
        d_norm = ggml_add(c, back(weight(layer, query), d_query), back(weight(layer, key), d_key));
        d_norm = ggml_add(c, d_norm, back(weight(layer, value), d_value));
        d = ggml_add(c, d, back_through_norm(d_norm, k.in));
    }
    gradients_[0] = ggml_add(c, of_output, ggml_get_rows_back(c, thinned(d, 0), tokens_, embedding));
    ggml_set_output(gradients_[0]);
    ggml_build_forward_expand(graph_, gradients_[0]);
}

void Graph::fill_mask(const Rows& rows) {
    const auto length = static_cast<std::size_t>(rows.length);
    const auto mask = numbers(mask_);
    std::ranges::fill(mask, -std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i < rows.size(); ++i)
        std::ranges::fill(mask.subspan(i * length + static_cast<std::size_t>(rows.begins[i]),
                                       i % length + 1 - static_cast<std::size_t>(rows.begins[i])),
                          0.0F);
}

void Graph::fill_dropout(float dropped) {
    for (const auto* factors : dropout_)
        for (float& factor : numbers(factors)) factor = dropped > 0 && random_.chance(dropped) ? 0 : 1 / (1 - dropped);
}

double Graph::run(const Rows& rows, float scale, float dropped) {
    std::ranges::copy(rows.tokens, static_cast<std::int32_t*>(tokens_->data));
    fill_mask(rows);
    fill_dropout(dropped);
    *goal_ = {.targets = rows.targets, .weights = rows.weights, .scale = scale};
    ggml_backend_graph_compute(backend_.get(), graph_);
    return goal_->loss;
}

}  // namespace train_demo
