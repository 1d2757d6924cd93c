// Who listens on a TCP port of this machine: for the message "the port is taken by …".
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <optional>
#include <string>

namespace sarai::app {

struct PortOwner {
    pid_t pid = 0;
    std::string command;  // its command line, shortened
};

// From /proc/net/tcp{,6} and /proc/*/fd; nullopt where nobody listens or the process is not ours to look into.
[[nodiscard]] std::optional<PortOwner> find_port_owner(std::uint16_t port);

}  // namespace sarai::app
