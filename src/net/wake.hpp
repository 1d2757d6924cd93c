// Wake-on-LAN: the packet that makes a sleeping machine's network card start it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace sarai::net {

// Six bytes 0xff and the MAC address sixteen times (AMD's "Magic Packet Technology", 1995), by UDP to an IPv4 address,
// mostly the broadcast address of the machine's network, for a machine that sleeps answers no ARP.
// Errors: io.
[[nodiscard]] Result<void> send_wake(const std::array<std::uint8_t, 6>& mac, const std::string& address,
                                     std::uint16_t port);

}  // namespace sarai::net
