// Runs one request: a lease from the pool, its backend, the chain while nothing was sent, the stream to the client.
//
// A request waits for its turn and for loads; a client that streams then gets a sign of life now and then.
// Before the first token a failure is invisible to the client: the next backend of the model's chain answers. After it,
// the stream ends with the protocol's own error event. A client that goes away cancels everything.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "gateway/caller.hpp"
#include "gateway/face.hpp"
#include "gateway/models.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

[[nodiscard]] boost::asio::awaitable<void> answer(net::Exchange& exchange, Caller& caller, llm::Request request,
                                                  Face& face, Protocol protocol, Shared shared);

}  // namespace sarai::gateway
