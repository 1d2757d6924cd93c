// A request for a URL that goes where the server sends it: redirects are followed, from origin to origin.
//
// At most five times; never to a unix socket, and never from https to http. What belongs to the first origin alone (its
// Authorization header) goes to no other.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "net/http_client.hpp"

namespace sarai::net {

struct Followed {
    std::unique_ptr<Client> client;  // before the body, which it outlives
    std::unique_ptr<BodyStream> body;
};

// `request.target` is the URL's. Errors are those of Client::open(), and upstream for a redirect that is not followed.
[[nodiscard]] asio::awaitable<Result<Followed>> open_url(std::string url, ClientRequest request, Budgets budgets);

}  // namespace sarai::net
