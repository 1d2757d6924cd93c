// Qwen2.5-Omni-7B's text part ("thinker"), served as qwen2vl (config.json of Qwen/Qwen2.5-Omni-7B).
#include "tokenizer.hpp"

namespace synth {

Model make_omni(const Request& request) {
    Model model(request, "qwen2vl");
    model.layers = request.pick(3, 28);
    const std::int64_t embedding = request.pick(omni_tiny_embedding, omni_embedding);
    const std::int64_t hidden = request.pick(128, 18944);
    const Attention attention{embedding, request.pick(2, 28), request.pick(1, 4), request.pick(32, 128)};
    const auto tokens = add_tokenizer(
        model, {.family = Family::bpe,
                .pre = "qwen2",
                .size = request.pick<std::size_t>(600, 152064),
                .controls = {"<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|audio_bos|>", "<|audio_eos|>",
                             "<|AUDIO|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
                .tools = true});
    model.set_key("general.name", std::string(request.pick("omni-tiny", "Qwen2.5-Omni 7B shape, random weights")));
    model.set("block_count", static_cast<std::uint32_t>(model.layers));
    model.set("context_length", request.context.value_or(request.pick(8192U, 32768U)));
    model.set("embedding_length", static_cast<std::uint32_t>(embedding));
    model.set("feed_forward_length", static_cast<std::uint32_t>(hidden));
    model.set("attention.head_count", static_cast<std::uint32_t>(attention.heads));
    model.set("attention.head_count_kv", static_cast<std::uint32_t>(attention.kv_heads));
    model.set("attention.layer_norm_rms_epsilon", 1e-6F);
    model.set("rope.freq_base", 1e6F);
    // Halves of a head turned by time, height and width: they add up to half the head's length.
    model.set("rope.dimension_sections", request.pick(std::vector{4, 6, 6, 0}, std::vector{16, 24, 24, 0}));

    model.matrix("token_embd.weight", embedding, tokens, Part::embedding);
    for (int layer = 0; layer < model.layers; ++layer) {
        model.norm(block(layer, "attn_norm.weight"), embedding);
        add_attention(model, layer, attention, true);
        model.norm(block(layer, "ffn_norm.weight"), embedding);
        add_feed_forward(model, layer, embedding, hidden);
    }
    model.constant("output_norm.weight", embedding, logit_gain);
    model.matrix("output.weight", embedding, tokens, Part::output);
    return model;
}

}  // namespace synth
