// How a llama-server goes on with an answer that another backend began.
#pragma once

#include "llm/backend.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

// What to ask a worker for the rest of an answer: a raw completion of the prompt that the model's own template makes,
// with the tokens so far behind it (remote/answer_tokens.hpp). A chat whose last message is the assistant's would do
// the same for most templates, but not for those that put something between the two (an empty think block).
struct RestOfAnswer {
    std::string body;         // for /v1/completions; empty: the answer has all its tokens
    std::int64_t had = 0;     // tokens of the text so far
    std::int64_t prompt = 0;  // and of the prompt before it
    bool exact = false;       // the tokens are those of the one that began, not only the text
};

// The text before an answer of text: the model's own template for a chat. Errors: those of the server, and upstream
// where the template begins the answer itself.
[[nodiscard]] net::asio::awaitable<Result<std::string>> prompt_of(const Link& link, const llm::Request& request);

// Asks the server for the prompt (chat only) and for its tokens. Errors: those of the server.
[[nodiscard]] net::asio::awaitable<Result<RestOfAnswer>> rest_of_answer(const Link& link, const llm::Request& request,
                                                                        const llm::Partial& partial);

}  // namespace sarai::remote
