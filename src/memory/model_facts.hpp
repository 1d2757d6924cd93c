// What a GGUF file, or one of whisper.cpp, says of itself: enough to list it, to show it and to choose what it is good
// for. A value, made by a short-lived child (`sarai-measure --describe`) and read here. Pure: running the child is the
// app's work.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sarai::memory {

struct TensorFacts {
    std::string name;
    std::string type;                 // "Q4_K"
    std::vector<std::int64_t> shape;  // as ggml counts: the fastest first
    bool operator==(const TensorFacts&) const = default;
};

struct ModelFacts {
    std::string architecture;          // "llama"
    std::int64_t parameter_count = 0;  // values of all tensors
    std::string quantisation;          // "Q4_K_M" or "unknown"
    int context_length = 0;            // tokens that it was trained with; 0: it does not say
    int embedding_length = 0;          // width of its layers; 0: it does not say
    std::optional<int> pooling_type;   // how vectors of tokens become one; 0: not at all
    std::string chat_template;         // Jinja
    bool is_projector = false;         // a part of a multimodal model
    bool sees = false;                 // of a projector: pictures
    bool hears = false;                // of a projector: sound
    bool has_fim_tokens = false;       // it was taught to fill in the middle of a text
    // By key, sorted; without the chat template, and an array that is not short is {"elements": n}.
    boost::json::object metadata;
    std::vector<TensorFacts> tensors;
    std::int64_t left_out = 0;  // keys and tensors that were too long, or no text
};

// Arguments for `sarai-measure` (without the program's own name).
[[nodiscard]] std::vector<std::string> describe_arguments(const std::filesystem::path& file);

// Reads what the child printed. Errors: as of read_report().
[[nodiscard]] Result<ModelFacts> parse_description(const std::filesystem::path& file, int exit_status,
                                                   std::string_view printed, std::string_view last_words);

// What a file is good for, as far as it says.
enum class FileKind : std::uint8_t { chat, embedding, rerank, transcription, projector };
[[nodiscard]] FileKind kind_of(const ModelFacts& facts);

// Whether its chat template has a place for the tools that a request names.
[[nodiscard]] bool takes_tools(const ModelFacts& facts);
// Whether its chat template knows of thoughts that come before the answer.
[[nodiscard]] bool thinks(const ModelFacts& facts);

}  // namespace sarai::memory
