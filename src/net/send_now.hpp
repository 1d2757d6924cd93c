// Hands bytes to the kernel without a turn of the event loop. Internal to net/.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <span>

namespace sarai::net {

// Cuts the first bytes off.
void drop_front(std::span<boost::asio::const_buffer> buffers, std::size_t bytes);
// Sends what the socket takes at once of at most 8 buffers, which are cut to what is left; true if that is nothing.
// False without an error: the socket is full. A token's event nearly always fits, so that waiting for the socket is the
// exception.
[[nodiscard]] bool send_now(int socket, std::span<boost::asio::const_buffer> buffers, boost::system::error_code& ec);

}  // namespace sarai::net
