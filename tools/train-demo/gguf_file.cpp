#include "gguf_file.hpp"

#include <fmt/format.h>
#include <gguf.h>
#include <llama.h>

#include <concepts>
#include <string>
#include <system_error>
#include <vector>

namespace train_demo {
namespace {

using sarai::Code;
using sarai::fail;

// What the engine may be asked to keep. Questions were learnt within a row, and answers need no more.
constexpr std::uint32_t context_length = 2048;

// Only the last question, and what was said to it so far: of what came before, a model this small makes no use.
constexpr std::string_view chat_template =
    "{% for message in messages[-2:] %}"
    "{% if message['role'] == 'user' %}{{ '<|user|>' + message['content'] }}"
    "{% elif message['role'] == 'assistant' and loop.last %}{{ '<|assistant|>' + message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

struct FreeGguf {
    void operator()(gguf_context* context) const { gguf_free(context); }
};

class Writer {
public:
    Writer() : file_(gguf_init_empty()) {
        context_.reset(ggml_init({.mem_size = 256 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    }
    void set(const std::string& key, std::string_view value) {
        gguf_set_val_str(file_.get(), key.c_str(), std::string(value).c_str());
    }
    void set(const std::string& key, std::uint32_t value) { gguf_set_val_u32(file_.get(), key.c_str(), value); }
    void set(const std::string& key, float value) { gguf_set_val_f32(file_.get(), key.c_str(), value); }
    // Nothing that merely converts to one, as a literal would.
    void set(const std::string& key, std::same_as<bool> auto value) {
        gguf_set_val_bool(file_.get(), key.c_str(), value);
    }
    void set(const std::string& key, const std::vector<std::int32_t>& values) {
        gguf_set_arr_data(file_.get(), key.c_str(), GGUF_TYPE_INT32, values.data(), values.size());
    }
    void set(const std::string& key, const std::vector<std::string>& values) {
        std::vector<const char*> pointers;
        for (const auto& value : values) pointers.push_back(value.c_str());
        gguf_set_arr_str(file_.get(), key.c_str(), pointers.data(), pointers.size());
    }
    void tensor(const TensorShape& shape, ggml_type type, std::span<const float> values) {
        auto& bytes = data_.emplace_back(ggml_row_size(type, shape.in) * static_cast<std::size_t>(shape.out));
        ggml_quantize_chunk(type, values.data(), bytes.data(), 0, shape.out, shape.in, nullptr);
        auto* made = shape.out == 1 ? ggml_new_tensor_1d(context_.get(), type, shape.in)
                                    : ggml_new_tensor_2d(context_.get(), type, shape.in, shape.out);
        ggml_set_name(made, shape.name.c_str());
        gguf_add_tensor(file_.get(), made);
        gguf_set_tensor_data(file_.get(), shape.name.c_str(), bytes.data());
    }
    [[nodiscard]] bool write(const std::filesystem::path& to) const {
        return gguf_write_to_file(file_.get(), to.c_str(), false);
    }

private:
    std::unique_ptr<gguf_context, FreeGguf> file_;
    Context context_;
    std::vector<std::vector<std::byte>> data_;
};

void set_metadata(Writer& writer, const Shape& shape, const Origin& origin) {
    const auto whole = [](int value) { return static_cast<std::uint32_t>(value); };
    writer.set("general.architecture", "llama");
    writer.set("general.name", "sarai demo");
    writer.set("general.description",
               fmt::format("Answers simple questions about sarai in English and Spanish, by heart: for its demo only. "
                           "Trained from nothing on {} questions about {} topics by tools/train-demo, seed {}.",
                           origin.questions, origin.topics, origin.seed));
    writer.set("general.license", "apache-2.0");
    writer.set("general.languages", std::vector<std::string>{"en", "es"});
    writer.set("general.file_type", std::uint32_t{LLAMA_FTYPE_MOSTLY_Q8_0});
    writer.set("general.quantization_version", std::uint32_t{GGML_QNT_VERSION});
    // What it learnt by heart is better said as it was learnt.
    writer.set("general.sampling.temp", 0.0F);
    writer.set("llama.block_count", whole(shape.layers));
    writer.set("llama.context_length", context_length);
    writer.set("llama.embedding_length", whole(shape.embedding));
    writer.set("llama.feed_forward_length", whole(shape.hidden));
    writer.set("llama.attention.head_count", whole(shape.heads));
    writer.set("llama.attention.head_count_kv", whole(shape.heads));
    writer.set("llama.attention.layer_norm_rms_epsilon", norm_epsilon);
    writer.set("llama.rope.dimension_count", whole(shape.head()));
    writer.set("llama.rope.freq_base", rope_base);
    writer.set("llama.vocab_size", whole(shape.vocabulary));
}

void set_tokenizer(Writer& writer, const Tokenizer& tokenizer) {
    writer.set("tokenizer.ggml.model", "gpt2");
    writer.set("tokenizer.ggml.pre", "gpt-2");
    writer.set("tokenizer.ggml.tokens", tokenizer.printable_tokens());
    writer.set("tokenizer.ggml.merges", tokenizer.printable_merges());
    std::vector<std::int32_t> types(tokenizer.size(), LLAMA_TOKEN_TYPE_NORMAL);
    for (std::size_t i = 0; i < types.size(); ++i)
        if (tokenizer.is_control(static_cast<Token>(i))) types[i] = LLAMA_TOKEN_TYPE_CONTROL;
    writer.set("tokenizer.ggml.token_type", types);
    writer.set("tokenizer.ggml.bos_token_id", std::uint32_t{end_token});
    writer.set("tokenizer.ggml.eos_token_id", std::uint32_t{end_token});
    writer.set("tokenizer.ggml.padding_token_id", std::uint32_t{end_token});
    writer.set("tokenizer.ggml.add_bos_token", false);
    writer.set("tokenizer.ggml.add_eos_token", false);
    writer.set("tokenizer.chat_template", chat_template);
}

}  // namespace

sarai::Result<sarai::Bytes> write_gguf(const Shape& shape, const Parameters& parameters, const Tokenizer& tokenizer,
                                       const Origin& origin, const std::filesystem::path& file) {
    Writer writer;
    set_metadata(writer, shape, origin);
    set_tokenizer(writer, tokenizer);
    const auto shapes = trained_tensors(shape);
    for (std::size_t i = 0; i < shapes.size(); ++i) writer.tensor(shapes[i], GGML_TYPE_Q8_0, parameters.values(i));
    const std::vector<float> ones(static_cast<std::size_t>(shape.embedding), 1.0F);
    const auto norm = [&](const std::string& name) { writer.tensor({name, shape.embedding, 1}, GGML_TYPE_F32, ones); };
    for (int layer = 0; layer < shape.layers; ++layer) {
        norm(fmt::format("blk.{}.attn_norm.weight", layer));
        norm(fmt::format("blk.{}.ffn_norm.weight", layer));
    }
    norm("output_norm.weight");

    // Beside its place first: a full disk leaves no half of a file there.
    auto partial = file;
    partial += ".partial";
    std::error_code error;
    if (!writer.write(partial)) {
        std::filesystem::remove(partial, error);
        return fail(Code::io, fmt::format("cannot write {}", file.string()));
    }
    std::filesystem::rename(partial, file, error);
    if (error) return fail(Code::io, fmt::format("cannot write {}", file.string()), error);
    return sarai::Bytes{static_cast<std::int64_t>(std::filesystem::file_size(file, error))};
}

}  // namespace train_demo
