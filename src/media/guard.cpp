#include "media/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <cctype>
#include <charconv>
#include <optional>

#include "protocols/json.hpp"

namespace sarai::media {
namespace {

using boost::beast::iequals;

struct Use {
    std::string_view range;
    std::string_view use;
};
// The first that holds an address counts. https://www.iana.org/assignments/iana-ipv4-special-registry and …-ipv6-….
constexpr std::array uses{
    Use{"0.0.0.0/8", "\"this network\" (RFC 791)"},
    Use{"10.0.0.0/8", "private use (RFC 1918)"},
    Use{"100.64.0.0/10", "shared address space of a provider (RFC 6598)"},
    Use{"127.0.0.0/8", "loopback (RFC 1122)"},
    Use{"169.254.0.0/16", "link-local (RFC 3927)"},
    Use{"172.16.0.0/12", "private use (RFC 1918)"},
    Use{"192.0.0.0/24", "IETF protocol assignments (RFC 6890)"},
    Use{"192.0.2.0/24", "documentation (RFC 5737)"},
    Use{"192.31.196.0/24", "AS112 (RFC 7535)"},
    Use{"192.52.193.0/24", "AMT (RFC 7450)"},
    Use{"192.88.99.0/24", "6to4 relay anycast (RFC 7526)"},
    Use{"192.168.0.0/16", "private use (RFC 1918)"},
    Use{"192.175.48.0/24", "AS112 (RFC 7534)"},
    Use{"198.18.0.0/15", "benchmarking (RFC 2544)"},
    Use{"198.51.100.0/24", "documentation (RFC 5737)"},
    Use{"203.0.113.0/24", "documentation (RFC 5737)"},
    Use{"224.0.0.0/4", "multicast (RFC 5771)"},
    Use{"240.0.0.0/4", "reserved (RFC 1112)"},  // 255.255.255.255 among them
    Use{"::1", "loopback (RFC 4291)"},
    Use{"::", "unspecified (RFC 4291)"},
    Use{"::/96", "IPv4-compatible (RFC 4291)"},
    Use{"::ffff:0:0:0/96", "IPv4-translated (RFC 2765)"},
    Use{"64:ff9b::/96", "NAT64 (RFC 6052)"},
    Use{"64:ff9b:1::/48", "NAT64 (RFC 8215)"},
    Use{"100::/64", "discard-only (RFC 6666)"},
    Use{"100:0:0:1::/64", "dummy prefix (RFC 9780)"},
    Use{"2001::/32", "Teredo (RFC 4380)"},
    Use{"2001:db8::/32", "documentation (RFC 3849)"},
    Use{"2001::/23", "IETF protocol assignments (RFC 2928)"},
    Use{"2002::/16", "6to4 (RFC 3056)"},
    Use{"2620:4f:8000::/48", "AS112 (RFC 7534)"},
    Use{"3fff::/20", "documentation (RFC 9637)"},
    Use{"5f00::/16", "segment routing (RFC 9602)"},
    Use{"fc00::/7", "unique local (RFC 4193)"},
    Use{"fe80::/10", "link-local (RFC 4291)"},
    Use{"fec0::/10", "site-local (RFC 3879)"},
    Use{"ff00::/8", "multicast (RFC 4291)"},
};
struct ParsedUse {
    IpRange range;
    std::string_view use;
};
const std::vector<ParsedUse>& parsed_uses() {
    static const std::vector<ParsedUse> parsed = [] {
        std::vector<ParsedUse> made;
        for (const auto& [range, use] : uses) made.push_back({IpRange::parse(range).value(), use});
        return made;
    }();
    return parsed;
}
const IpRange& global_unicast() {  // all that IANA has given out of IPv6 (RFC 4291)
    static const IpRange range = IpRange::parse("2000::/3").value();
    return range;
}

std::string_view without_dot(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    return host;
}

// Does a resolver take it for an address? The URL standard's rule: its last part is a number, decimal, octal or with
// 0x.
bool ends_in_number(std::string_view host) {
    auto last = without_dot(host);
    if (const auto dot = last.rfind('.'); dot != std::string_view::npos) last = last.substr(dot + 1);
    if (last.empty()) return false;
    if (last.starts_with("0x") || last.starts_with("0X"))
        return std::ranges::all_of(last.substr(2), [](unsigned char c) { return std::isxdigit(c) != 0; });
    return std::ranges::all_of(last, [](unsigned char c) { return std::isdigit(c) != 0; });
}

// Above those that the system gives to its own services alone; of these, what browsers block as well, since something
// that is no web server may take a request for an order (https://fetch.spec.whatwg.org/#port-blocking).
bool is_web_port(std::string_view port) {
    static constexpr std::array<unsigned, 18> blocked{1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
                                                      6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697};
    unsigned number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    if (number == 80 || number == 443) return true;
    return number >= 1024 && number != 10080 && !std::ranges::contains(blocked, number);
}

}  // namespace

std::string_view special_use(const IpAddress& address) {
    for (const auto& [range, use] : parsed_uses())
        if (range.holds(address)) return use;
    if (!address.is_v4() && !global_unicast().holds(address)) return "not assigned (RFC 4291)";
    return {};
}

AllowList::AllowList(const std::vector<std::string>& entries) {
    for (const auto& entry : entries) {
        if (const auto range = IpRange::parse(entry))
            ranges_.push_back(*range);
        else
            hosts_.emplace_back(without_dot(entry));
    }
}

bool AllowList::has_host(std::string_view host) const {
    return std::ranges::any_of(hosts_, [&](const auto& known) { return iequals(known, without_dot(host)); });
}

bool AllowList::has_address(const IpAddress& address) const {
    return std::ranges::any_of(ranges_, [&](const auto& range) { return range.holds(address); });
}

Result<net::Url> guard_url(std::string_view text, const AllowList& allowed) {
    auto url = net::parse_url(text);
    if (!url) return url;
    auto& host = url->origin.host;
    const auto refuse = [&](std::string_view why) {
        return fail(Code::invalid_argument, fmt::format("the host \"{}\" {}", protocols::excerpt(host, 80), why));
    };
    host = without_dot(host);
    if (host.empty() || host.find_first_of("%\\ ") != std::string::npos) return refuse("is none");
    const auto address = IpAddress::parse(host);
    if (!address && (host.contains(':') || ends_in_number(host)))
        return refuse("is an address in an unusual spelling; expected four decimal numbers, such as 192.0.2.1");
    const bool named = allowed.has_host(host) || (address && allowed.has_address(*address));
    if (!named && !is_web_port(url->origin.port))
        return fail(Code::invalid_argument,
                    fmt::format("port {} is none that web servers have; expected 80, 443 or one from 1024 on that "
                                "browsers use",
                                url->origin.port));
    return url;
}

Result<void> guard_address(const IpAddress& address, std::string_view host, const AllowList& allowed) {
    const auto use = special_use(address);
    if (use.empty() || allowed.has_host(host) || allowed.has_address(address)) return {};
    auto written = to_string(address);
    if (written != host) written += fmt::format(" ({})", protocols::excerpt(host, 80));
    return fail(Code::invalid_argument, fmt::format("{} is not public: {}", written, use),
                "The configuration's media.allow names hosts and ranges that may be fetched from all the same.");
}

}  // namespace sarai::media
