// The "context" of /api/generate: what a client sends again to go on with a conversation.
//
// Ollama makes it of token ids, which only the model that made them can read. Clients just hand it back; ours holds the
// conversation itself, so that any backend can go on with it: a first number that no token has, the length of the text,
// and the text (the messages in JSON, without pictures) with three bytes in each number. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "base/error.hpp"

namespace sarai::protocols::ollama {

// `messages`: the conversation before `answer`, OpenAI's form.
[[nodiscard]] boost::json::array encode_context(boost::json::array messages, std::string_view answer);

// The messages again. Errors: invalid_argument for what encode_context() has not made.
[[nodiscard]] Result<boost::json::array> decode_context(const boost::json::value& context);

}  // namespace sarai::protocols::ollama
