// What a llama-server tells about text: its tokens, the text of tokens, how long a chat's prompt is.
#pragma once

#include <boost/json/object.hpp>

#include "llm/types.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

// For the tasks tokenize, detokenize and count; the replies are as llm::Task says. Errors: unsupported for a count of
// what is no text.
[[nodiscard]] net::asio::awaitable<Result<boost::json::object>> tell_about_text(const Link& link,
                                                                                const llm::Request& request);

}  // namespace sarai::remote
