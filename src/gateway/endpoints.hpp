// What the endpoints of all APIs share. Each API's endpoints are members of Gateway in a file of their own.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "gateway/face.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

[[nodiscard]] net::Reply json_reply(const boost::json::object& body);
[[nodiscard]] boost::asio::awaitable<void> refuse_with(net::Exchange& exchange, Protocol protocol, Error error);

// A field of a JSON body that is true or false; false where there is none. Errors: invalid_argument.
[[nodiscard]] Result<bool> flag_in(std::string_view body, std::string_view name);

// The model that a JSON body names, under "model" or, the older spelling of Ollama, "name".
[[nodiscard]] Result<std::string> model_named_in(std::string_view body);

}  // namespace sarai::gateway
