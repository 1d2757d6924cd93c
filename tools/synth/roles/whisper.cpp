// Whisper: hears speech in windows of 30 s. The full shape is that of OpenAI's "base". The file is whisper.cpp's own:
// hyper-parameters, mel filters, vocabulary, tensors (models/convert-pt-to-ggml.py there).
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "model.hpp"

namespace synth {
namespace {

constexpr std::uint32_t magic = 0x67676d6c;
constexpr int vocabulary = 51865;  // of the multilingual models up to "large-v2"
constexpr int texts = 50257;       // of them; the others are named by the loader: languages, tasks, times
constexpr int end_of_text = 50257;
constexpr int first_time = 50364;  // 1501 of them: 0.00 s to 30.00 s
constexpr int bytes = 256;         // the first texts, so that any prompt has tokens
constexpr int spoken = 64;         // texts that are heard

struct Shape {
    std::int64_t state, heads, layers;
    std::int64_t mels = 80, sound_context = 1500, text_context = 448, spectrum = 201;
};

class Head {
public:
    void number(std::int64_t value) {
        const auto narrow = static_cast<std::uint32_t>(value);
        out_.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
    }
    void real(float value) { out_.append(reinterpret_cast<const char*>(&value), sizeof value); }
    void text(std::string_view value) {
        number(static_cast<std::int64_t>(value.size()));
        out_ += value;
    }
    std::string out() && { return std::move(out_); }

private:
    std::string out_;
};

// Pronounceable, each number another one.
std::string word(int number) {
    static constexpr std::array<std::string_view, 16> syllables{"la", "ro", "mi",  "ten", "sa",  "vo", "ca", "lu",
                                                                "pe", "no", "dar", "es",  "tir", "ba", "fe", "on"};
    std::string out = " ";
    do {
        out += syllables[static_cast<std::size_t>(number % 16)];
        number /= 16;
    } while (number > 0);
    return out;
}

// ggml's type of all matrices, and its number in the file (enum ggml_ftype); blocks of 256 need such rows.
std::pair<ggml_type, int> type_of(Quant quant, std::int64_t row) {
    constexpr int format_version = 2000;  // of quantised ones: GGML_QNT_VERSION × GGML_QNT_VERSION_FACTOR
    switch (quant) {
        case Quant::f32: return {GGML_TYPE_F32, GGML_FTYPE_ALL_F32};
        case Quant::f16: return {GGML_TYPE_F16, GGML_FTYPE_MOSTLY_F16};
        case Quant::q4_0: return {GGML_TYPE_Q4_0, format_version + GGML_FTYPE_MOSTLY_Q4_0};
        case Quant::q4_k_m:
            if (row % 256 == 0) return {GGML_TYPE_Q4_K, format_version + GGML_FTYPE_MOSTLY_Q4_K};
            break;
        case Quant::q8_0: break;
    }
    return {GGML_TYPE_Q8_0, format_version + GGML_FTYPE_MOSTLY_Q8_0};
}

std::string head_of(const Shape& shape, int file_type) {
    Head head;
    for (const auto value :
         {std::int64_t{magic}, std::int64_t{vocabulary}, shape.sound_context, shape.state, shape.heads, shape.layers,
          shape.text_context, shape.state, shape.heads, shape.layers, shape.mels, std::int64_t{file_type}})
        head.number(value);
    // Each filter takes some neighbouring frequencies.
    head.number(shape.mels);
    head.number(shape.spectrum);
    for (std::int64_t mel = 0; mel < shape.mels; ++mel)
        for (std::int64_t frequency = 0; frequency < shape.spectrum; ++frequency) {
            const auto distance = std::abs(static_cast<float>(frequency) - (static_cast<float>(mel) + 0.5F) * 2.5F);
            head.real(distance < 2.5F ? (2.5F - distance) * 0.01F : 0);
        }
    head.number(texts);
    for (int token = 0; token < texts - 1; ++token)
        head.text(token < bytes ? std::string(1, static_cast<char>(token)) : word(token - bytes));
    head.text("");  // as in the originals: the end of a text
    return std::move(head).out();
}

class Layers {
public:
    Layers(Model& model, const Shape& shape, ggml_type type) : model_(model), shape_(shape), type_(type) {}

    void matrix(const std::string& name, std::int64_t row, std::int64_t rows) {
        model_.noise(name + ".weight", {row, rows}, type_, 1 / std::sqrt(static_cast<float>(row)));
    }
    void linear(const std::string& name, std::int64_t row, std::int64_t rows) {
        matrix(name, row, rows);
        model_.constant(name + ".bias", rows, 0);
    }
    void norm(const std::string& name, float gain = 1) {
        model_.constant(name + ".weight", shape_.state, gain);
        model_.constant(name + ".bias", shape_.state, 0);
    }
    void convolution(const std::string& name, std::int64_t channels) {
        const auto type = type_ == GGML_TYPE_F32 ? GGML_TYPE_F32 : GGML_TYPE_F16;  // never quantised
        model_.noise(name + ".weight", {3, channels, shape_.state}, type, 0.1F);
        model_.noise(name + ".bias", {1, shape_.state}, GGML_TYPE_F32, 0.01F);
    }
    void attention(const std::string& name) {
        norm(name + "_ln");
        linear(name + ".query", shape_.state, shape_.state);
        matrix(name + ".key", shape_.state, shape_.state);
        linear(name + ".value", shape_.state, shape_.state);
        linear(name + ".out", shape_.state, shape_.state);
    }
    void block(const std::string& name, bool crosses) {
        attention(name + ".attn");
        if (crosses) attention(name + ".cross_attn");
        norm(name + ".mlp_ln");
        linear(name + ".mlp.0", shape_.state, 4 * shape_.state);
        linear(name + ".mlp.2", 4 * shape_.state, shape_.state);
    }

private:
    Model& model_;
    Shape shape_;
    ggml_type type_;
};

}  // namespace

Model make_whisper(const Request& request) {
    // Of two layers the engine takes it for a distilled one, which knows no times.
    const Shape shape =
        request.pick(Shape{.state = 32, .heads = 1, .layers = 4}, Shape{.state = 512, .heads = 8, .layers = 6});
    const auto [type, file_type] = type_of(request.quant, shape.state);
    Model model(request, "whisper");
    model.whisper_head = head_of(shape, file_type);
    // So decided that the engine trusts what it heard, and hears no window twice. Times come often enough that a window
    // has several segments, and its end soon.
    model.token_strength.assign(vocabulary, 0.01F);
    for (int token = bytes; token < bytes + spoken; ++token) model.token_strength[static_cast<std::size_t>(token)] = 1;
    for (int token = first_time; token < vocabulary; ++token)
        model.token_strength[static_cast<std::size_t>(token)] = 0.85F;
    model.token_strength[end_of_text] = 2;

    Layers layers(model, shape, type);
    model.noise("encoder.positional_embedding", {shape.state, shape.sound_context}, GGML_TYPE_F32, 0.1F);
    layers.convolution("encoder.conv1", shape.mels);
    layers.convolution("encoder.conv2", shape.state);
    for (std::int64_t i = 0; i < shape.layers; ++i) layers.block("encoder.blocks." + std::to_string(i), false);
    layers.norm("encoder.ln_post");
    model.noise("decoder.positional_embedding", {shape.state, shape.text_context}, GGML_TYPE_F32, 1.5F);
    model.by_token("decoder.token_embedding.weight", shape.state, type, 1 / std::sqrt(static_cast<float>(shape.state)));
    for (std::int64_t i = 0; i < shape.layers; ++i) layers.block("decoder.blocks." + std::to_string(i), true);
    layers.norm("decoder.ln", 4 * logit_gain);
    return model;
}

}  // namespace synth
