// TLS in front of a server that speaks plain HTTP: it shakes hands with each client and carries bytes between it and
// the server's own side, a pair of sockets in the kernel. The server's fast path knows nothing of it.
//
// It belongs to the server's io thread; each connection is a coroutine of its task group. A client that does not finish
// its handshake in time is dropped. What either side closes is closed on the other.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>

#include "base/error.hpp"

namespace sarai::net {

class TlsFront {
public:
    // PEM files: the certificate with its chain, and its private key. TLS 1.2 and later.
    // Errors: invalid_argument that names the file, for one that cannot be read or a key that does not fit.
    [[nodiscard]] static Result<std::shared_ptr<TlsFront>> create(boost::asio::any_io_executor executor,
                                                                  const std::filesystem::path& certificate,
                                                                  const std::filesystem::path& key);
    ~TlsFront();

    // The server's side of a connection; the handshake goes on behind it. Errors: io.
    [[nodiscard]] Result<boost::asio::generic::stream_protocol::socket> take(boost::asio::ip::tcp::socket client);
    [[nodiscard]] std::size_t size() const;  // connections that it carries
    // Lets what was answered leave, then cuts what is left.
    [[nodiscard]] boost::asio::awaitable<void> stop();

private:
    struct State;
    explicit TlsFront(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace sarai::net
