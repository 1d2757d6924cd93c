// A second try beside a server that is slow to begin: whoever shows something first goes on, the other one is
// cancelled.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "llm/backend.hpp"
#include "pool/pool.hpp"

namespace sarai::gateway {

// The p95 of the first tokens of the model's last streams at the endpoint of this route; nullopt where fewer than ten
// are known, or the route is the local worker.
[[nodiscard]] std::optional<std::chrono::milliseconds> usual_first_token(const pool::Pool& pool,
                                                                         const pool::Route& route);

struct Begun {
    std::unique_ptr<llm::EventStream> events;
    bool hedged = false;     // the local worker was asked
    bool local_won = false;  // and the lease is now the one on it
};
// Asks the lease's server; also the model's local worker, if a slot is free, once `usual` has passed without anything
// to show. Errors: the server's, where the local worker was not asked or has failed as well.
[[nodiscard]] boost::asio::awaitable<Result<Begun>> begin_hedged(pool::Pool& pool, pool::Lease& lease,
                                                                 const llm::Request& request,
                                                                 std::chrono::milliseconds usual);

}  // namespace sarai::gateway
