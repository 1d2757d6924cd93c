// What completions of local workers need beside the engine's own: its answers in OpenAI's form of a completion, the
// prompt in front where that is asked for (`echo`), and answers of no tokens, of which llama-server makes one.
#pragma once

#include <boost/json/object.hpp>
#include <memory>

#include "llm/backend.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

// Has the worker more to do than to be asked? For completions with `echo`, `logprobs` or no tokens at all.
[[nodiscard]] bool is_special_completion(const llm::Request& request);
// Can it be had? Errors: unsupported with the field, for an `echo` of several prompts or with log-probabilities, which
// the engine does not tell of a prompt.
[[nodiscard]] Result<void> check_completion(const llm::Request& request);

// Completions that ask for no tokens, answered without the model (but for a count of the prompt's).
[[nodiscard]] bool wants_no_tokens(const llm::Request& request);
[[nodiscard]] net::asio::awaitable<Result<boost::json::object>> no_tokens(const Link& link,
                                                                          const llm::Request& request);
[[nodiscard]] std::unique_ptr<llm::EventStream> as_stream(boost::json::object reply);

// Makes of a worker's answer what the request asks for.
void finish_completion(boost::json::object& reply, const llm::Request& request);
[[nodiscard]] std::unique_ptr<llm::EventStream> finish_completion(std::unique_ptr<llm::EventStream> events,
                                                                  const llm::Request& request);

// The prompt that a completion wants to have back with its answer; empty: it does not.
[[nodiscard]] std::string echo_of(const llm::Request& request);
// Puts it in front of each choice, in a stream of each choice's first chunk.
void put_in_front(boost::json::object& reply, std::string_view prompt);
[[nodiscard]] std::unique_ptr<llm::EventStream> put_in_front(std::unique_ptr<llm::EventStream> events,
                                                             std::string prompt);

}  // namespace sarai::remote
