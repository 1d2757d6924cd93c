// Qwen2.5-Omni-7B's eyes and ears: a windowed vision transformer and a Whisper encoder in one projector file
// (projector type qwen2.5o; names as libmtmd reads them).
#include <cmath>

#include "model.hpp"

namespace synth {
namespace {

struct Encoder {
    std::string prefix;  // "v" or "a"
    int layers;
    std::int64_t embedding, hidden, heads;
};

void linear(Model& model, const std::string& name, std::int64_t in, std::int64_t out, bool bias = true) {
    model.matrix(name + ".weight", in, out);
    if (bias) model.constant(name + ".bias", out, 0);
}

void add_attention_and_norms(Model& model, const Encoder& encoder, const std::string& base, bool audio) {
    linear(model, base + "attn_q", encoder.embedding, encoder.embedding);
    linear(model, base + "attn_k", encoder.embedding, encoder.embedding, !audio);  // Whisper's keys have no bias
    linear(model, base + "attn_v", encoder.embedding, encoder.embedding);
    linear(model, base + "attn_out", encoder.embedding, encoder.embedding);
    for (const auto* norm : {"ln1", "ln2"}) {
        model.norm(base + norm + ".weight", encoder.embedding);
        if (audio) model.constant(base + norm + ".bias", encoder.embedding, 0);
    }
}

void set_encoder(Model& model, const std::string& kind, const Encoder& encoder, std::int64_t projection,
                 float epsilon) {
    model.set("has_" + kind + "_encoder", true);
    model.set(kind + ".embedding_length", static_cast<std::uint32_t>(encoder.embedding));
    model.set(kind + ".feed_forward_length", static_cast<std::uint32_t>(encoder.hidden));
    model.set(kind + ".block_count", static_cast<std::uint32_t>(encoder.layers));
    model.set(kind + ".attention.head_count", static_cast<std::uint32_t>(encoder.heads));
    model.set(kind + ".attention.layer_norm_epsilon", epsilon);
    model.set(kind + ".projection_dim", static_cast<std::uint32_t>(projection));
}

void add_vision(Model& model, const Encoder& encoder, std::int64_t projection, std::int64_t patch) {
    const float deviation = 1 / std::sqrt(static_cast<float>(3 * patch * patch));
    // Two frames of a video share a patch, hence two kernels.
    for (const auto* name : {"v.patch_embd.weight", "v.patch_embd.weight.1"}) {
        model.noise(name, {patch, patch, 3, encoder.embedding}, GGML_TYPE_F16, deviation);
    }
    for (int layer = 0; layer < encoder.layers; ++layer) {
        const auto base = "v.blk." + std::to_string(layer) + ".";
        add_attention_and_norms(model, encoder, base, false);
        linear(model, base + "ffn_gate", encoder.embedding, encoder.hidden);
        linear(model, base + "ffn_up", encoder.embedding, encoder.hidden);
        linear(model, base + "ffn_down", encoder.hidden, encoder.embedding);
    }
    model.norm("v.post_ln.weight", encoder.embedding);
    linear(model, "mm.0", 4 * encoder.embedding, 4 * encoder.embedding);  // 2×2 patches become one token
    linear(model, "mm.2", 4 * encoder.embedding, projection);
}

void add_audio(Model& model, const Encoder& encoder, std::int64_t projection, std::int64_t mel, std::int64_t frames) {
    const auto deviation = [](std::int64_t fan) { return 1 / std::sqrt(static_cast<float>(fan)); };
    model.noise("a.conv1d.1.weight", {3, mel, encoder.embedding}, GGML_TYPE_F16, deviation(3 * mel));
    model.noise("a.conv1d.1.bias", {1, encoder.embedding}, GGML_TYPE_F32, 0.01F);
    model.noise("a.conv1d.2.weight", {3, encoder.embedding, encoder.embedding}, GGML_TYPE_F16,
                deviation(3 * encoder.embedding));
    model.noise("a.conv1d.2.bias", {1, encoder.embedding}, GGML_TYPE_F32, 0.01F);
    model.noise("a.position_embd.weight", {encoder.embedding, frames}, GGML_TYPE_F32, 0.02F);
    for (int layer = 0; layer < encoder.layers; ++layer) {
        const auto base = "a.blk." + std::to_string(layer) + ".";
        add_attention_and_norms(model, encoder, base, true);
        linear(model, base + "ffn_up", encoder.embedding, encoder.hidden);
        linear(model, base + "ffn_down", encoder.hidden, encoder.embedding);
    }
    model.norm("a.post_ln.weight", encoder.embedding);
    model.constant("a.post_ln.bias", encoder.embedding, 0);
    linear(model, "mm.a.fc", encoder.embedding, projection);
}

}  // namespace

Model make_omni_mmproj(const Request& request) {
    Model model(request, "clip");
    const std::int64_t projection = request.pick(omni_tiny_embedding, omni_embedding), patch = 14, mel = 128;
    const Encoder vision{"v", request.pick(2, 32), request.pick(32, 1280), request.pick(64, 3420), request.pick(2, 16)};
    const Encoder audio{"a", request.pick(2, 32), request.pick(32, 1280), request.pick(64, 5120), request.pick(2, 20)};
    model.set_key("general.type", std::string("mmproj"));
    model.set_key("general.name", std::string(request.pick("omni-mmproj-tiny", "Qwen2.5-Omni projector shape")));
    model.set("projector_type", std::string("qwen2.5o"));
    model.set("use_silu", true);
    set_encoder(model, "vision", vision, projection, 1e-6F);
    model.set("vision.image_size", std::uint32_t{560});
    model.set("vision.patch_size", static_cast<std::uint32_t>(patch));
    model.set("vision.image_mean", std::vector{0.48145466F, 0.4578275F, 0.40821073F});
    model.set("vision.image_std", std::vector{0.26862954F, 0.26130258F, 0.27577711F});
    model.set("vision.n_wa_pattern", request.pick(2U, 8U));  // every n-th layer sees the whole image
    set_encoder(model, "audio", audio, projection, 1e-5F);
    model.set("audio.num_mel_bins", static_cast<std::uint32_t>(mel));
    add_vision(model, vision, projection, patch);
    add_audio(model, audio, projection, mel, 1500);
    return model;
}

}  // namespace synth
