// Qwen3-Reranker-0.6B: a qwen3 with the rows of "yes" and "no" as its classifier (config.json of
// Qwen/Qwen3-Reranker-0.6B; converted as llama.cpp does it, with the prompt of a pair in the metadata).
#include "tokenizer.hpp"

namespace synth {
namespace {

constexpr std::string_view pair_template =
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query. The answer is \"yes\" "
    "or "
    "\"no\".<|im_end|>\n<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n";
constexpr std::string_view short_pair_template = "{query}\n{document}<|im_end|>";  // a byte is a token in `tiny`

}  // namespace

Model make_rerank(const Request& request) {
    Model model(request, "qwen3");
    model.layers = request.pick(3, 28);
    const std::int64_t embedding = request.pick(64, 1024), hidden = request.pick(128, 3072);
    const Attention attention{embedding, request.pick(2, 16), request.pick(1, 8), request.pick(32, 128)};
    const auto tokens = add_tokenizer(
        model, {.family = Family::bpe, .pre = "qwen2", .size = request.pick<std::size_t>(600, 151669), .chat = false});
    model.set_key("general.name",
                  std::string(request.pick("rerank-tiny", "Qwen3-Reranker 0.6B shape, random weights")));
    model.set_key("tokenizer.chat_template.rerank", std::string(request.pick(short_pair_template, pair_template)));
    model.set("block_count", static_cast<std::uint32_t>(model.layers));
    model.set("context_length", request.context.value_or(request.pick(8192U, 40960U)));
    model.set("embedding_length", static_cast<std::uint32_t>(embedding));
    model.set("feed_forward_length", static_cast<std::uint32_t>(hidden));
    model.set("attention.head_count", static_cast<std::uint32_t>(attention.heads));
    model.set("attention.head_count_kv", static_cast<std::uint32_t>(attention.kv_heads));
    model.set("attention.key_length", static_cast<std::uint32_t>(attention.head_length));
    model.set("attention.value_length", static_cast<std::uint32_t>(attention.head_length));
    model.set("attention.layer_norm_rms_epsilon", 1e-6F);
    model.set("rope.freq_base", 1e6F);
    model.set("pooling_type", std::uint32_t{4});  // rank
    model.set("classifier.output_labels", std::vector<std::string>{"yes", "no"});

    model.matrix("token_embd.weight", embedding, tokens, Part::tied_embedding);
    for (int layer = 0; layer < model.layers; ++layer) {
        model.norm(block(layer, "attn_norm.weight"), embedding);
        add_attention(model, layer, attention, false);
        model.norm(block(layer, "attn_q_norm.weight"), attention.head_length);
        model.norm(block(layer, "attn_k_norm.weight"), attention.head_length);
        model.norm(block(layer, "ffn_norm.weight"), embedding);
        add_feed_forward(model, layer, embedding, hidden);
    }
    model.norm("output_norm.weight", embedding);
    model.matrix("cls.output.weight", embedding, 2);
    return model;
}

}  // namespace synth
