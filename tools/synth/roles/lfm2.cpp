// LFM2-1.2B: ten short convolutions and six attention layers; the output is tied to the embedding
// (config.json of LiquidAI/LFM2-1.2B).
#include <algorithm>

#include "tokenizer.hpp"

namespace synth {

Model make_lfm2(const Request& request) {
    Model model(request, "lfm2");
    model.layers = request.pick(4, 16);
    const std::vector<int> with_attention = request.pick(std::vector{1, 3}, std::vector{2, 5, 8, 10, 12, 14});
    const std::int64_t embedding = request.pick(64, 2048), hidden = request.pick(128, 8192), kernel = 3;
    const Attention attention{embedding, request.pick(4, 32), request.pick(2, 8), request.pick(16, 64)};
    const auto has_attention = [&](int layer) { return std::ranges::contains(with_attention, layer); };
    const auto tokens = add_tokenizer(
        model, {.family = Family::bpe, .pre = "lfm2", .size = request.pick<std::size_t>(600, 65536), .tools = true});
    std::vector<std::int32_t> kv_heads;
    for (int layer = 0; layer < model.layers; ++layer) {
        kv_heads.push_back(has_attention(layer) ? static_cast<std::int32_t>(attention.kv_heads) : 0);
    }
    model.set_key("general.name", std::string(request.pick("lfm2-tiny", "LFM2 1.2B shape, random weights")));
    model.set("block_count", static_cast<std::uint32_t>(model.layers));
    model.set("context_length", request.context.value_or(request.pick(8192U, 128000U)));
    model.set("embedding_length", static_cast<std::uint32_t>(embedding));
    model.set("feed_forward_length", static_cast<std::uint32_t>(hidden));
    model.set("attention.head_count", static_cast<std::uint32_t>(attention.heads));
    model.set("attention.head_count_kv", kv_heads);  // 0 says: this layer is a convolution
    model.set("attention.layer_norm_rms_epsilon", 1e-5F);
    model.set("rope.freq_base", 1e6F);
    model.set("shortconv.l_cache", static_cast<std::uint32_t>(kernel));
    model.set("vocab_size", static_cast<std::uint32_t>(tokens));

    model.matrix("token_embd.weight", embedding, tokens, Part::tied_embedding);
    model.constant("token_embd_norm.weight", embedding, logit_gain);  // the last norm, under this name
    for (int layer = 0; layer < model.layers; ++layer) {
        model.norm(block(layer, "attn_norm.weight"), embedding);
        if (has_attention(layer)) {
            add_attention(model, layer, attention, false);
            model.norm(block(layer, "attn_q_norm.weight"), attention.head_length);
            model.norm(block(layer, "attn_k_norm.weight"), attention.head_length);
        } else {
            model.noise(block(layer, "shortconv.conv.weight"), {kernel, embedding}, GGML_TYPE_F32, 0.5F);
            model.matrix(block(layer, "shortconv.in_proj.weight"), embedding, 3 * embedding);
            model.matrix(block(layer, "shortconv.out_proj.weight"), embedding, embedding);
        }
        model.norm(block(layer, "ffn_norm.weight"), embedding);
        add_feed_forward(model, layer, embedding, hidden);
    }
    return model;
}

}  // namespace synth
