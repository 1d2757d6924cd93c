#include "connection.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

namespace bench {

using sarai::Code;
using sarai::fail;
using sarai::Result;

namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

Result<Address> Address::parse(std::string_view text) {
    if (text.starts_with("unix:")) {
        Address address{.socket = std::string(text.substr(5))};
        if (address.socket.empty() || address.socket.size() >= sizeof(sockaddr_un::sun_path))
            return fail(Code::invalid_argument, fmt::format("\"{}\" is not a socket's path", text));
        return address;
    }
    Address address;
    const auto colon = text.rfind(':');
    const std::string host(text.substr(0, colon));
    const auto port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    in_addr ip{};
    if (::inet_pton(AF_INET, host.c_str(), &ip) != 1 ||
        std::from_chars(port.data(), port.data() + port.size(), address.port).ptr != port.data() + port.size() ||
        address.port == 0)
        return fail(Code::invalid_argument,
                    fmt::format("\"{}\" is not an address; expected unix:/path.sock or IPv4:port", text));
    address.ip = ip.s_addr;
    return address;
}

Result<Connection> Connection::open(const Address& address) {
    const bool local = !address.socket.empty();
    Connection connection(::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connection.fd_ < 0) return fail(Code::io, "cannot make a socket", last_error());
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(connection.fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int rc = 0;
    if (local) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::memcpy(to.sun_path, address.socket.data(), address.socket.size());
        rc = ::connect(connection.fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    } else {
        const int on = 1;
        ::setsockopt(connection.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = address.ip;
        to.sin_port = htons(address.port);
        rc = ::connect(connection.fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    if (rc != 0) return fail(Code::unavailable, "cannot connect", last_error());
    return connection;
}

Connection::Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Connection& Connection::operator=(Connection&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}
Connection::~Connection() {
    if (fd_ >= 0) ::close(fd_);
}

bool Connection::still_open() const {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Result<void> Connection::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return fail(Code::unavailable, "cannot send", last_error());
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

Result<std::size_t> Connection::receive(std::span<char> into) const {
    const auto got = ::recv(fd_, into.data(), into.size(), 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return fail(Code::unavailable, "the server closed the connection in the middle of its answer");
    if (errno == EAGAIN || errno == EWOULDBLOCK) return fail(Code::timeout, "the server sent nothing for 60 s");
    return fail(Code::unavailable, "cannot receive", last_error());
}

}  // namespace bench
