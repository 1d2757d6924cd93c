// EmbeddingGemma-300M (config.json of google/embeddinggemma-300m). At least six layers, since every sixth attends to
// the whole text and the engine aborts where there is none.
#include "tokenizer.hpp"

namespace synth {

Model make_embed(const Request& request) {
    Model model(request, "gemma-embedding");
    model.layers = request.pick(6, 24);
    const std::int64_t embedding = request.pick(64, 768), hidden = request.pick(128, 1152);
    const std::int64_t widened = request.pick(128, 3072);
    const Attention attention{embedding, request.pick(2, 3), 1, request.pick(32, 256)};
    const auto tokens = add_tokenizer(model, {.family = Family::spm,
                                              .size = request.pick<std::size_t>(600, 262144),
                                              .adds_bos = true,
                                              .adds_eos = true,
                                              .chat = false});
    model.set_key("general.name", std::string(request.pick("embed-tiny", "EmbeddingGemma 300M shape, random weights")));
    model.set("block_count", static_cast<std::uint32_t>(model.layers));
    model.set("context_length", request.context.value_or(2048));
    model.set("embedding_length", static_cast<std::uint32_t>(embedding));
    model.set("feed_forward_length", static_cast<std::uint32_t>(hidden));
    model.set("attention.head_count", static_cast<std::uint32_t>(attention.heads));
    model.set("attention.head_count_kv", static_cast<std::uint32_t>(attention.kv_heads));
    model.set("attention.key_length", static_cast<std::uint32_t>(attention.head_length));
    model.set("attention.value_length", static_cast<std::uint32_t>(attention.head_length));
    model.set("attention.layer_norm_rms_epsilon", 1e-6F);
    model.set("attention.sliding_window", std::uint32_t{512});
    model.set("attention.causal", false);
    model.set("rope.freq_base", 1e6F);
    model.set("pooling_type", std::uint32_t{1});  // mean
    model.set("dense_2_feat_in", static_cast<std::uint32_t>(embedding));
    model.set("dense_2_feat_out", static_cast<std::uint32_t>(widened));
    model.set("dense_3_feat_in", static_cast<std::uint32_t>(widened));
    model.set("dense_3_feat_out", static_cast<std::uint32_t>(embedding));

    model.matrix("token_embd.weight", embedding, tokens, Part::tied_embedding);
    for (int layer = 0; layer < model.layers; ++layer) {
        model.norm(block(layer, "attn_norm.weight"), embedding);
        add_attention(model, layer, attention, false);
        model.norm(block(layer, "attn_q_norm.weight"), attention.head_length);
        model.norm(block(layer, "attn_k_norm.weight"), attention.head_length);
        model.norm(block(layer, "post_attention_norm.weight"), embedding);
        model.norm(block(layer, "ffn_norm.weight"), embedding);
        add_feed_forward(model, layer, embedding, hidden);
        model.norm(block(layer, "post_ffw_norm.weight"), embedding);
    }
    model.norm("output_norm.weight", embedding);
    model.matrix("dense_2.weight", embedding, widened);
    model.matrix("dense_3.weight", widened, embedding);
    return model;
}

}  // namespace synth
