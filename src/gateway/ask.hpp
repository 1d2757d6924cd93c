// Who asks: what the pool wants to know of a request besides its model, read from its headers.
#pragma once

#include <string_view>

#include "net/http_server.hpp"
#include "pool/pool_core.hpp"

namespace sarai::gateway {

// The client is `key`, the name of the key that was checked; where none is asked for, the key that the request carries
// all the same, else its address. Headers: x-sarai-priority (high, normal, low)
// and x-sarai-max-wait (a duration: how long the request waits for its turn at most).
// Errors: invalid_argument for a header of another form; `field` names it.
[[nodiscard]] Result<pool::Ask> ask_of(const net::Exchange& exchange, std::string_view key);

// The Via of what is asked of a server for this request. Errors: unavailable where it has been here before: an endpoint
// leads back to this server, and each round would be one more request.
[[nodiscard]] Result<std::string> via_of(const net::Exchange& exchange, std::string_view model);

// x-sarai-failover: off
[[nodiscard]] bool may_fail_over(const net::Exchange& exchange);

}  // namespace sarai::gateway
