// Completions that llama-server's OpenAI endpoint does not have all of: text in the middle of another (`suffix`), and
// answers with their prompt in front (`echo`).
#pragma once

#include <boost/json/object.hpp>

#include "llm/types.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

// Does a completion ask for either?
[[nodiscard]] bool has_extras(const llm::Request& request);
// Can it have it? Errors: unsupported with the field, for streams, several texts, or both at once.
[[nodiscard]] Result<void> check_extras(const llm::Request& request, bool stream);

// The text between `prompt` and `suffix`, by a model that was taught to fill in the middle. Errors: unsupported for one
// that was not.
[[nodiscard]] net::asio::awaitable<Result<boost::json::object>> fill_in(const Link& link, const llm::Request& request);

// Puts the prompt in front of each choice.
void put_prompt_in_front(boost::json::object& reply, std::string_view prompt);

}  // namespace sarai::remote
