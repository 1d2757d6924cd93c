// What a GGUF file, or one of whisper.cpp, says of itself to those who list models, as JSON: {architecture,
// parameter_count, quantisation, context_length, embedding_length, pooling_type, chat_template, is_projector, sees,
// hears, has_fim_tokens, metadata, tensors: [{name, type, shape}], left_out}.
//
// Bounded whatever the file holds: printed it is shorter than `most_printed`, its texts are UTF-8 without control
// characters. An array in `metadata` that is not short is {"elements": n}; what was too long or no text at all is left
// out and counted.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <filesystem>

#include "base/error.hpp"

namespace sarai::measure {

inline constexpr std::size_t most_printed = std::size_t{8} << 20;

// Errors: as of open_gguf(); corrupt_file where it names no architecture.
[[nodiscard]] Result<boost::json::object> describe_file(const std::filesystem::path& path);

}  // namespace sarai::measure
