#include "support/outside.hpp"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "support/check.hpp"

namespace sarai::fuzz {

RawSocket RawSocket::connect(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static std::uint32_t connections = 0;
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ++connections % 60'000);
    require(::bind(descriptor, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0, "the harness has an address");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // The kernel connects it to a listener at once, whether that accepts or not.
    require(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
            "the harness connects");
    return RawSocket(descriptor);
}

RawSocket RawSocket::listen(const std::filesystem::path& unix_socket) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    require(unix_socket.string().copy(address.sun_path, sizeof address.sun_path - 1) == unix_socket.string().size() &&
                ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                ::listen(descriptor, 8) == 0,
            "the harness listens");
    return RawSocket(descriptor);
}

RawSocket::~RawSocket() {
    if (is_open()) ::close(descriptor_);
}
RawSocket::RawSocket(RawSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RawSocket RawSocket::accept() const { return RawSocket(::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC)); }

void RawSocket::send(std::string_view bytes) const {
    (void)::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void RawSocket::end_sending() const { ::shutdown(descriptor_, SHUT_WR); }

bool RawSocket::receive(std::string& into) const {
    std::array<char, 65536> part;
    for (;;) {
        const auto got = ::recv(descriptor_, part.data(), part.size(), MSG_DONTWAIT);
        if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (got == 0) return false;
        into.append(part.data(), static_cast<std::size_t>(got));
    }
}

PrivateFolder::PrivateFolder() {
    auto name = (std::filesystem::temp_directory_path() / "sarai-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "the harness makes a folder");
    path_ = name;
}
PrivateFolder::~PrivateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace sarai::fuzz
