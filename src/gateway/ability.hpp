// What a model can be asked for, as far as that is known before it is asked.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "config/config.hpp"
#include "gateway/answer.hpp"
#include "llm/types.hpp"

namespace sarai::gateway {

// Errors: unsupported, with the model's kind and what that can do. A chat model may be asked for embeddings: some
// servers make them with any model, and those that do not say so.
[[nodiscard]] Result<void> is_able(const config::Model& model, llm::Task task);

// The same for a request. Of a model that is local alone its file is asked too: whether its template has a place for
// tools and for thoughts, and whether it was taught to fill in the middle of a text. A server knows better itself.
// Errors name the field.
[[nodiscard]] boost::asio::awaitable<Result<void>> can_answer(const config::Model& model, const llm::Request& request,
                                                              Shared shared);

}  // namespace sarai::gateway
