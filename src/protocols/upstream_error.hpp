// What an upstream's failure means to us: status line and body of Ollama and of OpenAI-compatible servers → Error.
//
// Servers word errors in many shapes: {"error":"text"}, {"error":{"message":…}}, JSON escaped inside such a text
// (Ollama quoting its runner), {"detail":…} (FastAPI), plain text, an HTML page of some proxy. All become one message.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "base/error.hpp"

namespace sarai::protocols {

struct ErrorReply {
    unsigned status = 0;
    std::string_view body;
    std::string_view model = {};        // the name that the server was asked for
    std::string_view retry_after = {};  // the header's value; seconds are understood, dates are not
};

// 404 not_found (field "model") · 401, 403 denied_upstream · 429 rate_limited · 503 busy, or loading where it says so ·
// 413 too_large · 408, 504 timeout · 501 unsupported · 502 unavailable · other 4xx invalid_argument · 500 unsupported
// or invalid_argument where its words say that the request was wrong · everything else upstream.
[[nodiscard]] Error error_of(const ErrorReply& reply);

// The value of an "error" member that arrived inside a stream or with status 200. A numeric "code" in it counts as the
// status; without one it is Code::upstream.
[[nodiscard]] Error error_of(const boost::json::value& error, std::string_view model = {});

}  // namespace sarai::protocols
