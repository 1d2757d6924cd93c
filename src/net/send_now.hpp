// Hands bytes to the kernel without a turn of the event loop. Internal to net/.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>

namespace sarai::net {

// Sends what the socket takes at once, at most 8 buffers; 0 without an error where its buffer is full. A token's event
// nearly always fits, so that waiting for the socket is the exception.
[[nodiscard]] std::size_t send_now(int socket, std::span<const boost::asio::const_buffer> buffers,
                                   boost::system::error_code& ec);

}  // namespace sarai::net
