// From where a request may come: the name by which it reached us, and the web page that sent it.
//
// A page of anybody's can make a visitor's browser call 127.0.0.1. With an honest Origin it is refused here; with a
// name of its own that it lets point to us (DNS rebinding) its Host header is not one of ours. Pure.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "config/config.hpp"

namespace sarai::access {

// Is "host" or "host:port" a name of this server? An address is: a page cannot take it for its own name. So are
// localhost and whatever is below it, the machine's name (alone, or in a domain that only local networks have, such as
// .local or .lan), and access.allowed_hosts.
[[nodiscard]] bool is_our_host(std::string_view host, std::string_view machine, const config::Access& access);

enum class Origin : unsigned char {
    none,     // no web page, or one of our own
    allowed,  // of access.cors_origins
    foreign,  // of somebody who was not asked to call
};
// `origin` and `host` are the headers' values.
[[nodiscard]] Origin judge_origin(std::string_view origin, std::string_view host, const config::Access& access);

}  // namespace sarai::access
