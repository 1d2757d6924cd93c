#include "access/origin.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace sarai::access {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool same_text(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

// "host:80" → "host", "[::1]:80" → "[::1]". What stands in a port's place and is none stays, so that it is no name.
std::string_view without_port(std::string_view host) {
    const auto colon = host.rfind(':');
    if (colon == std::string_view::npos || host.ends_with(']')) return host;
    if (host.substr(colon + 1).find_first_not_of("0123456789") != std::string_view::npos) return host;
    return host.substr(0, colon);
}

bool is_address(std::string_view host) {
    in6_addr ignored{};
    if (host.contains('\0')) return false;  // C's functions would read up to it
    if (host.starts_with('[') && host.ends_with(']'))
        return inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &ignored) == 1;
    return inet_pton(AF_INET, std::string(host).c_str(), &ignored) == 1;
}

// The machine's name, alone or as local networks say it. No other domain: whoever has a domain of his own can put any
// name before it.
bool is_machine(std::string_view name, std::string_view machine) {
    if (machine.empty()) return false;
    if (same_text(name, machine)) return true;
    const auto plain = machine.substr(0, machine.find('.'));
    if (same_text(name, plain)) return true;
    constexpr std::array domains{".local", ".lan", ".home", ".internal", ".home.arpa", ".localdomain"};
    return std::ranges::any_of(domains, [&](std::string_view domain) {
        return name.size() == plain.size() + domain.size() && same_text(name.substr(0, plain.size()), plain) &&
               same_text(name.substr(plain.size()), domain);
    });
}

}  // namespace

bool is_our_host(std::string_view host, std::string_view machine, const config::Access& access) {
    auto name = without_port(host);
    if (name.ends_with('.')) name.remove_suffix(1);  // "localhost." is the same name
    if (name.empty()) return false;
    if (is_address(name) || same_text(name, "localhost")) return true;
    constexpr std::string_view below = ".localhost";
    if (name.size() > below.size() && same_text(name.substr(name.size() - below.size()), below)) return true;
    if (is_machine(name, machine)) return true;
    return std::ranges::any_of(access.allowed_hosts,
                               [&](const std::string& known) { return known == "*" || same_text(name, known); });
}

Origin judge_origin(std::string_view origin, std::string_view host, const config::Access& access) {
    if (origin.empty()) return Origin::none;
    if (const auto scheme = origin.find("://"); scheme != std::string_view::npos && !host.empty())
        if (same_text(origin.substr(scheme + 3), host)) return Origin::none;
    const bool listed = std::ranges::any_of(
        access.cors_origins, [&](const std::string& known) { return known == "*" || same_text(origin, known); });
    return listed ? Origin::allowed : Origin::foreign;
}

}  // namespace sarai::access
