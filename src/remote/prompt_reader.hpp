// A llama-server that reads a prompt ahead while it is still being written, piece by piece into one of its slots.
#pragma once

#include <memory>

#include "llm/backend.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

[[nodiscard]] std::unique_ptr<llm::PromptReader> make_prompt_reader(Link link);

// Reads the first `count` tokens of `ids` into a slot, which keeps them: a prompt that begins the same goes on there.
// Errors: those of the server.
[[nodiscard]] net::asio::awaitable<Result<void>> read_into_slot(Link link, const boost::json::array& ids,
                                                                std::int64_t count);

// Of one step. A model of 10.7 billion parameters reads so many tokens in 6 s on two cores, one of 1.2 billion in half
// a second.
inline constexpr std::int64_t tokens_per_step = 64;
// Fewer new ones are not worth a step: reading them when the request comes takes no longer.
inline constexpr std::int64_t least_step = 16;
// Each step names all tokens before it, so that very long ones would cost more here than they save.
inline constexpr std::int64_t most_tokens = 32768;

}  // namespace sarai::remote
