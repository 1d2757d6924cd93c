// Text in the middle of another (`suffix`), by llama-server's /infill: its OpenAI endpoint has no such thing.
#pragma once

#include <boost/json/object.hpp>

#include "llm/types.hpp"
#include "remote/event_stream.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

// Can a completion that asks for it (llm::wants_infill()) have it? Errors: unsupported with the field, for several
// texts or answers, and for `echo` beside it.
[[nodiscard]] Result<void> check_infill(const llm::Request& request);

// The text between `prompt` and `suffix`, by a model that was taught to fill in the middle. Errors: unsupported for one
// that was not.
[[nodiscard]] net::asio::awaitable<Result<boost::json::object>> fill_in(const Link& link, const llm::Request& request);
[[nodiscard]] net::asio::awaitable<Result<std::unique_ptr<llm::EventStream>>> stream_infill(
    const Link& link, const llm::Request& request);

}  // namespace sarai::remote
