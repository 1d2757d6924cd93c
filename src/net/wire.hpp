// A connected byte stream to a server: TCP, unix socket or TLS over TCP behind one face, so that the HTTP client above
// it is written once. Internal to net/.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "net/http_client.hpp"
#include "net/watchdog.hpp"

namespace sarai::net {

class Wire {
public:
    using Socket = asio::generic::stream_protocol::socket;

    // Connects within `budget` (name resolution and TLS handshake included).
    [[nodiscard]] static asio::awaitable<Result<std::unique_ptr<Wire>>> connect(const Origin& origin,
                                                                                std::chrono::milliseconds budget);

    // A unix socket connects at once, or not at once: nullptr where the server's queue is full or nobody listens, and
    // for any other transport.
    [[nodiscard]] static std::unique_ptr<Wire> connect_now(const asio::any_io_executor& executor, const Origin& origin);

    // Both throw boost::system::system_error(operation_aborted) only if the awaiting coroutine was cancelled.
    [[nodiscard]] asio::awaitable<Result<void>> write(std::string_view head, std::string_view body,
                                                      std::chrono::milliseconds budget);
    // 0 bytes: the peer closed.
    [[nodiscard]] asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer into,
                                                                 std::chrono::milliseconds budget,
                                                                 const char* waiting_for);

    // What read_some() says when its budget is over.
    [[nodiscard]] Error silent(const char* waiting_for, std::chrono::milliseconds budget) const;

    // False if the peer has closed, or sent something that nobody asked for, while the connection was idle.
    [[nodiscard]] bool still_idle();

    // The kernel's smoothed estimate (TCP_INFO); 0: not TCP.
    [[nodiscard]] std::chrono::microseconds round_trip();

    // Called before the connection is kept for later: it then needs no timer.
    void rest() { watchdog_.rest(); }

    // Since when the write or read that runs now has waited; nullopt: none does.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> waits_since() const { return waits_since_; }
    // Ends what runs now with this error.
    void give_up(Error why);
    [[nodiscard]] bool given_up() const { return given_up_.has_value(); }  // what ran last

private:
    Wire(Socket socket, std::string peer);
    void cancel_waits();

    std::optional<Socket> plain_;
    std::optional<asio::ssl::stream<Socket>> tls_;
    asio::steady_timer timer_;
    Watchdog watchdog_;
    std::string peer_;
    std::optional<std::chrono::steady_clock::time_point> waits_since_;
    std::optional<Error> given_up_;

    [[nodiscard]] Socket& socket() { return tls_ ? tls_->next_layer() : *plain_; }
};

}  // namespace sarai::net
