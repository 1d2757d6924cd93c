// A URL that a server or a configuration names, split into where to connect and what to ask for. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/http_client.hpp"

namespace sarai::net {

struct Url {
    Origin origin;       // TCP or TLS, never a unix socket; without a base
    std::string target;  // path and query, at least "/"
};

// http://… and https://…, in ASCII. A fragment is dropped.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

// What a Location header means that came for `base`: it may be relative.
[[nodiscard]] Result<std::string> resolve_url(std::string_view base, std::string_view location);

// The path of a URL from a name that others chose: all but "/" and what needs no escape is escaped.
[[nodiscard]] std::string escape_path(std::string_view path);

}  // namespace sarai::net
