// A blocking connection to a server that is measured, on a unix socket or over TCP: one system call per send and per
// receive, so that the client adds as little as it can to what it measures.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace bench {

// Where a server listens: "unix:/path.sock" or "IPv4:port".
struct Address {
    std::string socket;  // empty: TCP
    std::uint32_t ip = 0;
    std::uint16_t port = 0;

    [[nodiscard]] static sarai::Result<Address> parse(std::string_view text);
};

class Connection {
public:
    [[nodiscard]] static sarai::Result<Connection> open(const Address& address);
    Connection(Connection&& other) noexcept;
    Connection& operator=(Connection&& other) noexcept;
    ~Connection();

    // False if the server has closed it since its last answer.
    [[nodiscard]] bool still_open() const;
    [[nodiscard]] sarai::Result<void> send(std::string_view bytes) const;
    // At least one byte. Errors: unavailable when the server closes, timeout after 60 s without a byte.
    [[nodiscard]] sarai::Result<std::size_t> receive(std::span<char> into) const;

private:
    explicit Connection(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace bench
