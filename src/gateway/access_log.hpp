// One line for each request that was answered, for people (logfmt, with the server's other lines) or for programs (a
// JSON object per line on standard error). Never a header, a body or a key.
#pragma once

#include <string>

#include "gateway/caller.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

// `format`: server.access_log: "text", "json" or "off".
void log_access(std::string_view format, const net::Exchange& exchange, const Caller& caller);

[[nodiscard]] int status_of(const net::Exchange& exchange, const Caller& caller);

// The line in JSON, without its end; `at` is Unix time.
[[nodiscard]] std::string access_line(std::string_view method, std::string_view path, std::string_view peer, int status,
                                      const Caller& caller, std::chrono::duration<double> took,
                                      std::chrono::sys_time<std::chrono::milliseconds> at);

}  // namespace sarai::gateway
