// A GGUF file that answers through llama.cpp's library, greedily: always what is likeliest.
#pragma once

#include <llama.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "tokenizer.hpp"

namespace train_demo {

class Speaker {
public:
    // Errors: Code::corrupt_file for what the library does not load.
    [[nodiscard]] static sarai::Result<Speaker> open(const std::filesystem::path& file, int threads);

    // As the library cuts it, controls by their names included.
    [[nodiscard]] std::vector<Token> tokens_of(std::string_view text) const;
    // What follows `prompt`, until the model ends it or after 160 tokens.
    [[nodiscard]] std::string answer(std::string_view prompt);
    // Of the token that follows `tokens`.
    [[nodiscard]] std::vector<float> logits_after(std::vector<Token> tokens);

private:
    Speaker() = default;
    struct Free {
        void operator()(llama_model* model) const { llama_model_free(model); }
        void operator()(llama_context* context) const { llama_free(context); }
    };
    std::unique_ptr<llama_model, Free> model_;
    std::unique_ptr<llama_context, Free> context_;
    const llama_vocab* vocabulary_ = nullptr;
};

}  // namespace train_demo
