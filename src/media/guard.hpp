// Which URLs may be fetched for a client: the guard against requests that are forged to reach what only this machine
// can reach. Pure.
//
// Nothing is fetched from an address that is not public, whatever name led to it, unless the configuration allows it.
// The caller asks for the host first, resolves it itself, asks for every address that came of it, and connects to one
// of those and to no other (a name may mean something else a moment later).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/ip_address.hpp"
#include "net/url.hpp"

namespace sarai::media {

// What an address is for, where it is not one of the public network's: "loopback", "private use (RFC 1918)". Empty:
// public. After IANA's registries of special-purpose addresses (IPv4: RFC 6890 and updates, as of 2025; IPv6
// likewise), multicast, and what is reserved. Addresses of IPv6 that have one of IPv4 in them (mapped, compatible,
// NAT64, 6to4, Teredo) are never public: translated, they may lead anywhere.
[[nodiscard]] std::string_view special_use(const IpAddress& address);
[[nodiscard]] inline bool is_public(const IpAddress& address) { return special_use(address).empty(); }

// What the configuration allows in spite of that (media.allow): hosts, addresses and ranges.
class AllowList {
public:
    // Entries that are neither are left out; the configuration has refused them.
    explicit AllowList(const std::vector<std::string>& entries);
    [[nodiscard]] bool has_host(std::string_view host) const;  // in any case, with or without a last dot
    [[nodiscard]] bool has_address(const IpAddress& address) const;

private:
    std::vector<std::string> hosts_;
    std::vector<IpRange> ranges_;
};

// An http:// or https:// URL that may be tried: no user in it, a host in its usual spelling (resolvers read 2130706433,
// 0x7f.1 and 0177.0.0.1 as addresses as well), a port where web servers listen. The host loses its last dot.
// Error: invalid_argument, "the host \"0x7f.1\" …"; without a field.
[[nodiscard]] Result<net::Url> guard_url(std::string_view url, const AllowList& allowed);

// May be connected to? `host` is what it was found by. Error: invalid_argument, "10.0.0.1 (example.com) is private use
// (RFC 1918)"; hint: media.allow.
[[nodiscard]] Result<void> guard_address(const IpAddress& address, std::string_view host, const AllowList& allowed);

}  // namespace sarai::media
