// What a model can be asked for, as far as that is known before it is asked.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <string_view>

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

// Does its worker here take neither pictures nor sound?
[[nodiscard]] bool reads_text_alone(const config::Model& model);
// What a request with pictures or sound is refused with there; `why_it`: why this model, in brackets, or empty.
[[nodiscard]] Error text_alone(const config::Model& model, std::string_view why_it = {});

// Errors: too_long, for a request that the model's worker here could not hold whatever its tokens are; `size` is the
// request's in bytes. What a server can hold it says itself.
[[nodiscard]] Result<void> fits_context(const config::Model& model, const llm::Request& request, std::size_t size);

}  // namespace sarai::gateway
