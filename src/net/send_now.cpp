#include "net/send_now.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sarai::net {

void drop_front(std::span<boost::asio::const_buffer> buffers, std::size_t bytes) {
    for (auto& buffer : buffers) {
        const auto part = std::min(bytes, buffer.size());
        buffer += part;
        bytes -= part;
    }
}

bool send_now(int socket, std::span<boost::asio::const_buffer> buffers, boost::system::error_code& ec) {
    ec = {};
    std::array<iovec, 8> parts;
    const auto count = std::min(buffers.size(), parts.size());
    for (std::size_t i = 0; i < count; ++i)
        parts[i] = {.iov_base = const_cast<void*>(buffers[i].data()), .iov_len = buffers[i].size()};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    ssize_t sent = 0;
    do sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) ec.assign(errno, boost::system::system_category());
    drop_front(buffers, sent < 0 ? std::size_t{0} : static_cast<std::size_t>(sent));
    return !ec && boost::asio::buffer_size(buffers) == 0;
}

}  // namespace sarai::net
