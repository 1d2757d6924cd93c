// Whether a model can do what a request asks of it, as far as that is known before anybody is asked.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "config/config.hpp"
#include "gateway/answer.hpp"
#include "llm/types.hpp"

namespace sarai::gateway {

// Errors name the field. Of a model that is local alone its file is asked too: whether its template has a place for
// tools and for thoughts, and whether it was taught to fill in the middle of a text. A server knows better itself.
[[nodiscard]] boost::asio::awaitable<Result<void>> can_answer(const config::Model& model, const llm::Request& request,
                                                              Shared shared);

}  // namespace sarai::gateway
