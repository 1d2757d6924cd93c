// Ranking documents by a server that scores them: in parts that it can hold, joined.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "llm/types.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

// `target`: the server's path for it. Errors: of a part; upstream where it does not score each document.
[[nodiscard]] net::asio::awaitable<Result<boost::json::object>> rank(const Link& link, const std::string& target,
                                                                     const llm::Request& request);

}  // namespace sarai::remote
