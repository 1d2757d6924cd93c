// What local workers read ahead while nobody needs them, so that little is left to read when somebody does.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/idle_reader.hpp"

namespace sarai::gateway {

// The prompt and the answer so far of a request that a server answers: a takeover is then a matter of a few tokens.
// `so_far`: what the client has of the answer; an error ends the work. Called until the reader is destroyed.
[[nodiscard]] std::unique_ptr<IdleReader> read_answer_ahead(const boost::asio::any_io_executor& executor,
                                                            pool::Pool& pool, pool::ModelIndex model,
                                                            llm::Request request,
                                                            std::function<Result<const llm::Partial*>()> so_far);

// A prompt of which more and more is known.
struct KnownPrompt {
    llm::Request request;  // a chat whose last message ends where the text is known
    std::string until;     // how that text ends
};
// `known`: nullopt for as long as nothing is. Called until the reader is destroyed.
[[nodiscard]] std::unique_ptr<IdleReader> read_prompt_ahead(const boost::asio::any_io_executor& executor,
                                                            pool::Pool& pool, pool::ModelIndex model, std::string id,
                                                            std::function<std::optional<KnownPrompt>()> known);

}  // namespace sarai::gateway
