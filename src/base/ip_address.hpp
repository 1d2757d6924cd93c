// An IP address or a range of them, as a value: how they are written, and which range holds which. Pure.
//
// Addresses are kept as 16 bytes; those of IPv4 in the mapped form (::ffff:a.b.c.d), which the kernel treats as the
// same and which therefore must not be a way around a rule.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sarai {

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};

    bool operator==(const IpAddress&) const = default;

    // "192.0.2.1" with four decimal parts, "2001:db8::1" without brackets or zone; nothing for any other spelling.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] bool is_v4() const;  // written so, or mapped
};
[[nodiscard]] std::string to_string(const IpAddress& address);

struct IpRange {
    IpAddress first;
    unsigned bits = 128;  // of the prefix, counted in 16 bytes: a /8 of IPv4 has 104

    // "10.0.0.0/8", "fc00::/7", or one address; bits behind the prefix must be zero ("10.0.0.1/8" may be a mistake).
    [[nodiscard]] static std::optional<IpRange> parse(std::string_view text);
    [[nodiscard]] bool holds(const IpAddress& address) const;
};

}  // namespace sarai
