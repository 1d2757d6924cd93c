// Who asks: what the pool wants to know of a request besides its model, read from its headers.
#pragma once

#include "net/http_server.hpp"
#include "pool/pool_core.hpp"

namespace sarai::gateway {

// The client is the API key that the request carries, else its address. Headers: x-sarai-priority (high, normal, low)
// and x-sarai-max-wait (a duration: how long the request waits for its turn at most).
// Errors: invalid_argument for a header of another form; `field` names it.
[[nodiscard]] Result<pool::Ask> ask_of(const net::Exchange& exchange);

}  // namespace sarai::gateway
