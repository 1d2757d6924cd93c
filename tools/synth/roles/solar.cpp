// SOLAR-10.7B: a llama of 48 layers (config.json of upstage/SOLAR-10.7B-Instruct-v1.0).
#include "tokenizer.hpp"

namespace synth {

Model make_solar(const Request& request) {
    Model model(request, "llama");
    model.layers = request.pick(3, 48);
    const std::int64_t embedding = request.pick(64, 4096), hidden = request.pick(128, 14336);
    const Attention attention{embedding, request.pick(2, 32), request.pick(1, 8), request.pick(32, 128)};
    const auto tokens =
        add_tokenizer(model, {.family = Family::spm, .size = request.pick<std::size_t>(600, 32000), .adds_bos = true});
    model.set_key("general.name", std::string(request.pick("solar-tiny", "SOLAR 10.7B shape, random weights")));
    model.set("block_count", static_cast<std::uint32_t>(model.layers));
    model.set("context_length", request.context.value_or(4096));
    model.set("embedding_length", static_cast<std::uint32_t>(embedding));
    model.set("feed_forward_length", static_cast<std::uint32_t>(hidden));
    model.set("attention.head_count", static_cast<std::uint32_t>(attention.heads));
    model.set("attention.head_count_kv", static_cast<std::uint32_t>(attention.kv_heads));
    model.set("attention.layer_norm_rms_epsilon", 1e-5F);
    model.set("rope.dimension_count", static_cast<std::uint32_t>(attention.head_length));
    model.set("rope.freq_base", 10000.F);
    model.set("vocab_size", static_cast<std::uint32_t>(tokens));

    model.matrix("token_embd.weight", embedding, tokens, Part::embedding);
    for (int layer = 0; layer < model.layers; ++layer) {
        model.norm(block(layer, "attn_norm.weight"), embedding);
        add_attention(model, layer, attention, false);
        model.norm(block(layer, "ffn_norm.weight"), embedding);
        add_feed_forward(model, layer, embedding, hidden);
    }
    model.constant("output_norm.weight", embedding, logit_gain);
    model.matrix("output.weight", embedding, tokens, Part::output);
    return model;
}

}  // namespace synth
