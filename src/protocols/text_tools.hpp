// Questions about text that no official API has but many servers answer: POST /tokenize and /detokenize, spelled as
// llama-server and vLLM spell them. Pure.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::protocols::text_tools {

// {"model", "content" or "prompt": a text, "add_special", "parse_special", "with_pieces": booleans}
[[nodiscard]] Result<llm::Request> decode_tokenize(std::string_view body);
// {"model", "tokens": ids}
[[nodiscard]] Result<llm::Request> decode_detokenize(std::string_view body);

}  // namespace sarai::protocols::text_tools
