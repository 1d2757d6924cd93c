// Embedding inputs that are longer than a worker's context, cut to what fits (`truncate`, as Ollama has it).
#pragma once

#include "llm/types.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

// The same request without the wish, each text that is too long replaced by its first tokens and its last one, which
// ends it. Errors: of the worker that is asked for its tokens.
[[nodiscard]] net::asio::awaitable<Result<llm::Request>> truncated(const Link& link, llm::Request request);

}  // namespace sarai::remote
