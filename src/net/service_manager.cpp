#include "net/service_manager.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace sarai::net {
namespace {

constexpr int first_passed = 3;  // sd_listen_fds(3)

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

std::optional<long long> number(std::string_view text) {
    long long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

bool tell_service_manager(std::string_view state) {
    const auto path = variable("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path.size() < 2 || path.size() >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return false;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@') address.sun_path[0] = '\0';  // a name that lies in no folder
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return false;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    const auto sent =
        ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
    ::close(socket);
    return sent == static_cast<ssize_t>(state.size());
}

std::optional<std::chrono::microseconds> watchdog_period() {
    const auto period = number(variable("WATCHDOG_USEC"));
    if (!period || *period <= 0) return std::nullopt;
    // Meant for another process that we were started by.
    if (const auto pid = variable("WATCHDOG_PID"); !pid.empty() && number(pid) != ::getpid()) return std::nullopt;
    return std::chrono::microseconds(*period);
}

Result<std::optional<int>> passed_socket() {
    if (number(variable("LISTEN_PID")) != ::getpid()) return std::nullopt;
    const auto count = number(variable("LISTEN_FDS")).value_or(0);
    if (count < 1) return std::nullopt;
    if (count > 1)
        return fail(Code::invalid_argument,
                    fmt::format("the service manager has passed {} sockets, expected one (server.listen)", count),
                    "Leave one ListenStream= in sarai.socket.");
    if (::fcntl(first_passed, F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
    return first_passed;
}

}  // namespace sarai::net
