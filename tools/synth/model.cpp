#include "model.hpp"

#include <cmath>
#include <utility>

namespace synth {
namespace {

// llama-quantize gives the first and last eighth of the layers and every third one between more bits (Q4_K_M).
bool more_bits(int layer, int layers) {
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

ggml_type mixed_type(const Request& request, Part part, int layer, int layers, std::int64_t row) {
    switch (request.quant) {
        case Quant::f32: return GGML_TYPE_F32;
        case Quant::f16: return GGML_TYPE_F16;
        case Quant::q8_0: return GGML_TYPE_Q8_0;
        case Quant::q4_0:
            return part == Part::embedding || part == Part::other || part == Part::attention_v ||
                           part == Part::feed_forward_down
                       ? GGML_TYPE_Q4_0
                       : GGML_TYPE_Q8_0;
        case Quant::q4_k_m: break;
    }
    const bool fine = part == Part::output || part == Part::tied_embedding ||
                      ((part == Part::attention_v || part == Part::feed_forward_down) && more_bits(layer, layers));
    if (row % 256 == 0) return fine ? GGML_TYPE_Q6_K : GGML_TYPE_Q4_K;
    return fine ? GGML_TYPE_Q8_0 : GGML_TYPE_Q5_0;  // llama-quantize's fallbacks for rows that are no multiple of 256
}

std::uint32_t file_type(Quant quant) {  // enum llama_ftype
    switch (quant) {
        case Quant::f32: return 0;
        case Quant::f16: return 1;
        case Quant::q4_0: return 2;
        case Quant::q8_0: return 7;
        case Quant::q4_k_m: return 15;
    }
    std::unreachable();
}

}  // namespace

Model::Model(const Request& request, std::string architecture)
    : request_(request), architecture_(std::move(architecture)), gguf_(gguf_init_empty(), &gguf_free) {
    set_key("general.architecture", architecture_);
    set_key("general.file_type", file_type(request.quant));
    set_key("general.quantization_version", std::uint32_t{2});
}

void Model::set_key(const std::string& key, std::uint32_t value) { gguf_set_val_u32(gguf_.get(), key.c_str(), value); }
void Model::set_key(const std::string& key, float value) { gguf_set_val_f32(gguf_.get(), key.c_str(), value); }
void Model::set_key(const std::string& key, bool value) { gguf_set_val_bool(gguf_.get(), key.c_str(), value); }
void Model::set_key(const std::string& key, const std::string& value) {
    gguf_set_val_str(gguf_.get(), key.c_str(), value.c_str());
}

void Model::set(std::string_view key, const std::vector<std::int32_t>& values) {
    const auto whole = architecture_ + "." + std::string(key);
    gguf_set_arr_data(gguf_.get(), whole.c_str(), GGUF_TYPE_INT32, values.data(), values.size());
}

void Model::set(std::string_view key, const std::vector<float>& values) {
    const auto whole = architecture_ + "." + std::string(key);
    gguf_set_arr_data(gguf_.get(), whole.c_str(), GGUF_TYPE_FLOAT32, values.data(), values.size());
}

void Model::set(std::string_view key, const std::vector<std::string>& values) {
    const auto whole = architecture_ + "." + std::string(key);
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const auto& value : values) pointers.push_back(value.c_str());
    gguf_set_arr_str(gguf_.get(), whole.c_str(), pointers.data(), pointers.size());
}

void Model::matrix(const std::string& name, std::int64_t row, std::int64_t rows, Part part, int layer) {
    const bool tokens = part == Part::embedding || part == Part::output || part == Part::tied_embedding;
    tensors_.push_back({.name = name,
                        .shape = {row, rows},
                        .type = mixed_type(request_, part, layer, layers, row),
                        .value = 1 / std::sqrt(static_cast<float>(row)),
                        .by_token = tokens && !token_strength.empty()});
}

void Model::noise(const std::string& name, std::vector<std::int64_t> shape, ggml_type type, float deviation) {
    tensors_.push_back({.name = name, .shape = std::move(shape), .type = type, .value = deviation});
}

void Model::by_token(const std::string& name, std::int64_t row, ggml_type type, float deviation) {
    tensors_.push_back({.name = name,
                        .shape = {row, static_cast<std::int64_t>(token_strength.size())},
                        .type = type,
                        .value = deviation,
                        .by_token = true});
}

void Model::constant(const std::string& name, std::int64_t length, float value) {
    tensors_.push_back({.name = name, .shape = {length}, .constant = true, .value = value});
}

std::string block(int layer, std::string_view tail) { return "blk." + std::to_string(layer) + "." + std::string(tail); }

void add_attention(Model& model, int layer, const Attention& shape, bool biases) {
    const auto queries = shape.heads * shape.head_length;
    const auto keys = shape.kv_heads * shape.head_length;
    model.matrix(block(layer, "attn_q.weight"), shape.embedding, queries);
    model.matrix(block(layer, "attn_k.weight"), shape.embedding, keys);
    model.matrix(block(layer, "attn_v.weight"), shape.embedding, keys, Part::attention_v, layer);
    if (biases) {
        model.constant(block(layer, "attn_q.bias"), queries, 0);
        model.constant(block(layer, "attn_k.bias"), keys, 0);
        model.constant(block(layer, "attn_v.bias"), keys, 0);
    }
    model.matrix(block(layer, "attn_output.weight"), queries, shape.embedding);
}

void add_feed_forward(Model& model, int layer, std::int64_t embedding, std::int64_t hidden) {
    model.matrix(block(layer, "ffn_gate.weight"), embedding, hidden);
    model.matrix(block(layer, "ffn_up.weight"), embedding, hidden);
    model.matrix(block(layer, "ffn_down.weight"), hidden, embedding, Part::feed_forward_down, layer);
}

}  // namespace synth
