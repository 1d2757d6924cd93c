// What a service manager (systemd) and a daemon tell each other: states as datagrams to $NOTIFY_SOCKET, sockets that
// were opened before it started. Without one everything here does nothing. No library of systemd's is needed.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.hpp"

namespace sarai::net {

// One of sd_notify(3)'s states: "READY=1", "STOPPING=1", "WATCHDOG=1". False where nobody listens.
bool tell_service_manager(std::string_view state);
// Within which time the manager wants to hear WATCHDOG=1, or it takes this process for hung.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_period();
// The listening socket that the manager passes to this process; not inherited by children.
// Errors: invalid_argument where it passes several, since nobody would answer on the others.
[[nodiscard]] Result<std::optional<int>> passed_socket();

}  // namespace sarai::net
