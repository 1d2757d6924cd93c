// Completions with their prompt in front (`echo`), which llama-server's OpenAI endpoint passes over.
#pragma once

#include <boost/json/object.hpp>
#include <memory>

#include "llm/backend.hpp"

namespace sarai::remote {

// Does a completion ask for it?
[[nodiscard]] bool wants_echo(const llm::Request& request);
// Can it have it? Errors: unsupported with the field, for a prompt that is not one text.
[[nodiscard]] Result<void> check_echo(const llm::Request& request);

// Puts the prompt in front of each choice.
void put_prompt_in_front(boost::json::object& reply, std::string_view prompt);
// The same for a stream: each choice's first chunk begins with the prompt.
[[nodiscard]] std::unique_ptr<llm::EventStream> with_prompt_in_front(std::unique_ptr<llm::EventStream> events,
                                                                     std::string prompt);

}  // namespace sarai::remote
