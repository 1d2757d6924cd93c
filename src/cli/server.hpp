// Which server a client command talks to, and its short exchanges with it.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.hpp"
#include "cli/io.hpp"
#include "net/http_client.hpp"

namespace sarai::cli {

inline constexpr std::string_view default_url = "http://127.0.0.1:11435";

struct ServerChoice {
    std::string url;     // --url
    std::string config;  // --config: its server.listen
};

// --url, --config, SARAI_URL, then the default; with the key in SARAI_API_KEY. Errors: invalid_argument.
[[nodiscard]] Result<net::Origin> find_server(const ServerChoice& choice, const Io& io);

// GET, of an object in JSON. Runs an io_context of its own until the answer is here.
// Errors: unavailable with a hint how to start a server; the server's own.
[[nodiscard]] Result<boost::json::object> get_json(const net::Origin& origin, std::string target);

// For requests that may take long: how long at most, what to do every second meanwhile, and who may give them up.
struct Patience {
    std::chrono::milliseconds at_most = std::chrono::seconds(10);
    std::function<void()> every_second = {};
    std::stop_token stop = {};  // the answer is then not waited for: cancelled
};

// POST of one, likewise.
[[nodiscard]] Result<boost::json::object> post_json(const net::Origin& origin, std::string target,
                                                    const boost::json::object& body, Patience patience = {});

// What the answer to a request for `target` says. Errors: unavailable with a hint, where there is none; the server's
// own.
[[nodiscard]] Result<boost::json::object> object_of(const net::Origin& origin, std::string_view target,
                                                    Result<net::ClientResponse> response);

// What to say when no connection could be made.
[[nodiscard]] Error unreachable(const net::Origin& origin, const Error& error);

// What an answer, or a line of one, says of a failure in either envelope: none where it tells of none.
[[nodiscard]] std::optional<Error> told_error(const boost::json::object& answer, Code otherwise);

// The server's own words: {"error": {"message": …}} or {"error": "…"}. With what is none, the status.
[[nodiscard]] Error server_error(unsigned status, std::string_view body);

// "http://127.0.0.1:11435"
[[nodiscard]] std::string url_of(const net::Origin& origin);

}  // namespace sarai::cli
