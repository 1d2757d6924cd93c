// The completion token of a coroutine that wants its error as a value.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sarai::net {

// co_await timer.async_wait(quiet): nothing is thrown; what comes back begins with the error.
inline constexpr auto quiet = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace sarai::net
