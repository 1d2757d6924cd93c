// What a synthetic model is: metadata (GGUF's, or whisper.cpp's) and a list of tensors whose contents are still to be
// made.
//
// One file per architecture (roles/) fills a Model; the writer streams it to disk.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ggml.h"
#include "gguf.h"

namespace synth {

enum class Size { tiny, full };
enum class Quant { f32, f16, q8_0, q4_0, q4_k_m };
enum class TokenizerKind { bytes, merging };

struct Request {
    Size size = Size::tiny;
    Quant quant = Quant::q8_0;
    TokenizerKind tokenizer = TokenizerKind::bytes;
    std::optional<std::uint32_t> context;  // tokens; the architecture's own where empty
    std::uint64_t seed = 1;

    template <class T>
    [[nodiscard]] T pick(T tiny, T full) const {
        return size == Size::tiny ? tiny : full;
    }
};

// Where a matrix stands decides its type within a mix such as Q4_K_M.
enum class Part { embedding, output, tied_embedding, attention_v, feed_forward_down, other };

struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;  // innermost first, as ggml counts
    ggml_type type = GGML_TYPE_F32;
    bool constant = false;
    float value = 0;        // the constant, or the standard deviation
    bool by_token = false;  // rows are scaled by Model::token_strength
};

class Model {
public:
    Model(const Request& request, std::string architecture);

    [[nodiscard]] const Request& request() const { return request_; }
    [[nodiscard]] gguf_context* metadata() const { return gguf_.get(); }

    // Keys under the architecture's own prefix ("llama.block_count"), and whole ones.
    void set(std::string_view key, std::uint32_t value) { set_key(architecture_ + "." + std::string(key), value); }
    void set(std::string_view key, float value) { set_key(architecture_ + "." + std::string(key), value); }
    void set(std::string_view key, bool value) { set_key(architecture_ + "." + std::string(key), value); }
    void set(std::string_view key, const std::vector<std::int32_t>& values);
    void set(std::string_view key, const std::vector<float>& values);
    void set(std::string_view key, const std::vector<std::string>& values);
    void set(std::string_view key, const std::string& value) { set_key(architecture_ + "." + std::string(key), value); }
    void set_key(const std::string& key, std::uint32_t value);
    void set_key(const std::string& key, float value);
    void set_key(const std::string& key, bool value);
    void set_key(const std::string& key, const std::string& value);

    // A weight matrix of the mix; its deviation 1/√(row length) keeps activations near 1 on the way through.
    void matrix(const std::string& name, std::int64_t row, std::int64_t rows, Part part = Part::other, int layer = 0);
    void noise(const std::string& name, std::vector<std::int64_t> shape, ggml_type type, float deviation);
    // One row for each token, each as strong as `token_strength` says.
    void by_token(const std::string& name, std::int64_t row, ggml_type type, float deviation);
    void constant(const std::string& name, std::int64_t length, float value);
    void norm(const std::string& name, std::int64_t length) { constant(name, length, 1); }

    [[nodiscard]] const std::vector<Tensor>& tensors() const { return tensors_; }

    // Per token: how large its rows are in the embedding and the output matrix. Logits of weak rows stay near zero, so
    // that what is generated is readable ASCII and does not stop at once.
    std::vector<float> token_strength;
    int layers = 0;
    // Of a file that is no GGUF but whisper.cpp's own: all that stands before its tensors. Empty: it is a GGUF.
    std::string whisper_head;

private:
    Request request_;
    std::string architecture_;
    std::unique_ptr<gguf_context, decltype(&gguf_free)> gguf_;
    std::vector<Tensor> tensors_;
};

// The logits' standard deviation at full strength: large enough that sampling at the usual temperatures keeps to
// strong tokens. It is the weight of the last norm.
inline constexpr float logit_gain = 6;

// The attention and SwiGLU tensors that llama-like layers share.
struct Attention {
    std::int64_t embedding, heads, kv_heads, head_length;
};
void add_attention(Model& model, int layer, const Attention& shape, bool biases);
void add_feed_forward(Model& model, int layer, std::int64_t embedding, std::int64_t hidden);
[[nodiscard]] std::string block(int layer, std::string_view tail);  // "blk.3.attn_q.weight"

// roles/
Model make_solar(const Request& request);
Model make_lfm2(const Request& request);
Model make_omni(const Request& request);
Model make_omni_mmproj(const Request& request);
Model make_embed(const Request& request);
Model make_rerank(const Request& request);
Model make_whisper(const Request& request);

// The tiny text model's and its projector's common width.
inline constexpr std::int64_t omni_tiny_embedding = 64;
inline constexpr std::int64_t omni_embedding = 3584;

}  // namespace synth
