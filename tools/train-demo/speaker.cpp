#include "speaker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "router/cpu_backend.hpp"

namespace train_demo {
namespace {

constexpr std::uint32_t room = 512;  // tokens
constexpr int longest_answer = 160;

}  // namespace

sarai::Result<Speaker> Speaker::open(const std::filesystem::path& file, int threads) {
    // Loads the processor's plug-in, and no other.
    if (const auto backend = sarai::router::make_cpu_backend(); !backend) return std::unexpected(backend.error());
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    Speaker made;
    auto of_model = llama_model_default_params();
    of_model.n_gpu_layers = 0;
    made.model_.reset(llama_model_load_from_file(file.c_str(), of_model));
    if (!made.model_)
        return sarai::fail(sarai::Code::corrupt_file, fmt::format("{} cannot be loaded as a model", file.string()));
    auto of_context = llama_context_default_params();
    of_context.n_ctx = room;
    of_context.n_batch = room;
    of_context.n_threads = threads;
    of_context.n_threads_batch = threads;
    made.context_.reset(llama_init_from_model(made.model_.get(), of_context));
    if (!made.context_)
        return sarai::fail(sarai::Code::no_memory, fmt::format("no memory to answer with {}", file.string()));
    made.vocabulary_ = llama_model_get_vocab(made.model_.get());
    return made;
}

std::vector<Token> Speaker::tokens_of(std::string_view text) const {
    std::vector<Token> tokens(text.size() + 1);
    const auto count = llama_tokenize(vocabulary_, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                                      static_cast<std::int32_t>(tokens.size()), false, true);
    tokens.resize(static_cast<std::size_t>(std::max(count, 0)));
    return tokens;
}

std::vector<float> Speaker::logits_after(std::vector<Token> tokens) {
    const auto batch = llama_batch_get_one(tokens.data(), static_cast<std::int32_t>(tokens.size()));
    if (tokens.empty() || llama_decode(context_.get(), batch) != 0) return {};
    const auto* logits = llama_get_logits_ith(context_.get(), -1);
    return {logits, logits + llama_vocab_n_tokens(vocabulary_)};
}

std::string Speaker::answer(std::string_view prompt) {
    llama_memory_clear(llama_get_memory(context_.get()), true);
    auto tokens = tokens_of(prompt);
    if (tokens.size() + longest_answer > room) tokens.resize(room - longest_answer);
    std::string text;
    for (int i = 0; i < longest_answer; ++i) {
        const auto logits = logits_after(std::move(tokens));
        if (logits.empty()) break;
        const auto next = static_cast<Token>(std::ranges::max_element(logits) - logits.begin());
        if (llama_vocab_is_eog(vocabulary_, next)) break;
        std::array<char, 256> piece{};
        const auto count = llama_token_to_piece(vocabulary_, next, piece.data(), piece.size(), 0, false);
        text.append(piece.data(), static_cast<std::size_t>(std::max(count, 0)));
        tokens = {next};
    }
    return text;
}

}  // namespace train_demo
