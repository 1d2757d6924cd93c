// Vectors of texts by a configured embedding model, for what the daemon itself looks up: an embedding request like a
// client's, with turns, fallback and metrics.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "gateway/caller.hpp"
#include "gateway/models.hpp"
#include "knowledge/store.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

// As many vectors as texts, of unit length. `client` is whose request it is a part of: its tokens count for it.
// Errors: those of a request; upstream for an answer that is none.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<knowledge::Vector>>> embed(net::Exchange& client,
                                                                                   Caller& caller, std::string model,
                                                                                   std::vector<std::string> texts,
                                                                                   Shared shared);

}  // namespace sarai::gateway
