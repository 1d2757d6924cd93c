// The door: before any endpoint sees a request, is it one that may come in? Name, origin, key, limits, in this order.
//
// It belongs to the gateway. The configuration is read at each request: it changes when it is loaded again.
#pragma once

#include <optional>
#include <string>

#include "gateway/caller.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

// What an endpoint is for, so who may use it.
enum class Need : std::uint8_t {
    nothing,  // anybody, without a key: is the server there
    look,     // a key; counts against no limit
    watch,    // a key that may use all models, since all are seen
    use,      // a key and what is left of its limits
    manage,   // a key of an administrator
};

class Entrance {
public:
    explicit Entrance(const config::Config& config);

    // The answer to a browser's question whether a page may call (a preflight request). nullopt: it asks nothing.
    [[nodiscard]] std::optional<Result<net::Reply>> preflight(const net::Exchange& exchange) const;
    // Before the body is read: is it of somebody who may come in at all? Errors: forbidden, unauthorized.
    [[nodiscard]] Result<void> knock(const net::Exchange& exchange) const;
    // Puts the headers into the answer that the answer has to have in any case.
    // Errors: forbidden (a name or an origin that is not ours), unauthorized, rate_limited.
    [[nodiscard]] Result<void> admit(net::Exchange& exchange, Need need, Caller& caller);

private:
    [[nodiscard]] Result<void> check_page(const net::Exchange& exchange, bool has_key) const;

    const config::Config& config_;
    std::string machine_;  // its name
    access::Keyring keyring_;
};

// The key that a request brings: a bearer token, or Anthropic's x-api-key. Empty: none.
[[nodiscard]] std::string_view presented_key(const net::Exchange& exchange);

}  // namespace sarai::gateway
