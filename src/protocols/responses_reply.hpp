// The parts of a response object, shared by whole replies and streams.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocols/responses.hpp"

namespace sarai::protocols::responses {

// Without output, error and usage.
[[nodiscard]] boost::json::object response_object(const Context& context, std::string_view status);
// At its end, completed or incomplete.
[[nodiscard]] boost::json::object finished(const Context& context, std::string_view finish_reason,
                                           std::span<const Item> items, boost::json::value usage, std::int64_t now);
// "max_output_tokens", "content_filter"; "" where the answer came to its own end.
[[nodiscard]] std::string_view reason_incomplete(std::string_view finish_reason);

// `index`: in the output.
[[nodiscard]] Item new_item(const Context& context, ItemKind kind, std::size_t index);
// in_progress: as it is announced, without content.
[[nodiscard]] boost::json::object encode_item(const Item& item, std::string_view status);
[[nodiscard]] boost::json::object encode_part(const Item& item, std::string_view text);
// null where nothing is said of it.
[[nodiscard]] boost::json::value encode_usage(const boost::json::object& chunk_or_reply);

// The one choice that a response shows; nullptr: there is none.
[[nodiscard]] const boost::json::object* first_choice(const boost::json::object& chunk_or_reply);
// Of a message or delta: llama-server's and vLLM's name for it, or Ollama's and OpenRouter's.
[[nodiscard]] std::string_view reasoning_at(const boost::json::object& message);
[[nodiscard]] const boost::json::array* logprobs_of(const boost::json::object& choice);

}  // namespace sarai::protocols::responses
