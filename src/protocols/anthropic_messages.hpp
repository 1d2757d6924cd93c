// The conversation in a request to Anthropic's Messages API: turns made of blocks → OpenAI's messages.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/error.hpp"

namespace sarai::protocols::anthropic {

// "system" and "messages" of a body. Turns of one role that follow each other become one message, as they do there:
// many chat templates and llama-server's prefill refuse them. Results of tools come before the rest of their turn; the
// images among them go along in it, since tool messages hold text alone.
[[nodiscard]] Result<boost::json::array> decode_messages(const boost::json::object& body);

}  // namespace sarai::protocols::anthropic
