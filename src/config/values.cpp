#include "config/values.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace sarai::config {
namespace {

bool is_one_of(char c, std::string_view allowed) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || allowed.contains(c);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (ec != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
    return port;
}

// inet_pton reads up to a NUL byte, which YAML can write.
bool is_address(int family, const std::string& text, void* address) {
    return !text.contains('\0') && inet_pton(family, text.c_str(), address) == 1;
}

bool is_ipv4(const std::string& text, bool* loopback) {
    in_addr address{};
    if (!is_address(AF_INET, text, &address)) return false;
    *loopback = (ntohl(address.s_addr) >> 24U) == 127;
    return true;
}

bool is_ipv6(const std::string& text, bool* loopback) {
    in6_addr address{};
    if (!is_address(AF_INET6, text, &address)) return false;
    *loopback = IN6_IS_ADDR_LOOPBACK(&address);
    return true;
}

// RFC 3986 pchar and "/", without "?" and "#".
bool is_path(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_one_of(text[i], "/-._~%!$&'()*+,;=:@")) return false;
        const auto is_digit = [&](std::size_t at) {
            return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at])) != 0;
        };
        if (text[i] == '%' && !(is_digit(i + 1) && is_digit(i + 2))) return false;
    }
    return true;
}

// "host", "host:port", "[::1]:port" → its two parts; the port is "" where there is none, brackets stay.
std::optional<std::pair<std::string, std::string_view>> split_authority(std::string_view text) {
    std::size_t end = text.find(':');
    if (text.starts_with('[')) {
        end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        ++end;
    }
    if (end == std::string_view::npos || end == text.size()) return std::pair(std::string(text), std::string_view());
    if (text[end] != ':' || end + 1 == text.size()) return std::nullopt;
    return std::pair(std::string(text.substr(0, end)), text.substr(end + 1));
}

bool is_host(const std::string& host) {
    bool loopback = false;
    if (host.starts_with('[')) return is_ipv6(host.substr(1, host.size() - 2), &loopback);
    return !host.empty() && host.size() <= 253 && std::isalnum(static_cast<unsigned char>(host.front())) != 0 &&
           std::ranges::all_of(host, [](char c) { return is_one_of(c, ".-_"); });
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    double number = 0;
    const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{} || !std::isfinite(number) || number < 0 || std::signbit(number)) return std::nullopt;
    auto unit = text.substr(static_cast<std::size_t>(rest - text.data()));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    double scale = 0;
    if (unit == "ms") scale = 1;
    if (unit == "s" || unit.empty()) scale = 1e3;
    if (unit == "m" || unit == "min") scale = 60e3;
    if (unit == "h") scale = 3600e3;
    constexpr double year = 365.0 * 24 * 3600e3;
    if (scale == 0 || number * scale > year) return std::nullopt;
    const auto rounded = std::chrono::milliseconds(std::llround(number * scale));
    // What is too short to be told from zero would mean "no time at all".
    if (rounded.count() == 0 && number != 0) return std::nullopt;
    return rounded;
}

std::optional<Listen> parse_listen(std::string_view text) {
    const auto parts = split_authority(text);
    if (!parts || parts->second.empty()) return std::nullopt;
    const auto port = parse_port(parts->second);
    if (!port) return std::nullopt;
    Listen listen{.address = parts->first, .port = *port};
    if (listen.address == "localhost") {
        listen.loopback = true;
    } else if (listen.address.starts_with('[')) {
        listen.address = listen.address.substr(1, listen.address.size() - 2);
        if (!is_ipv6(listen.address, &listen.loopback)) return std::nullopt;
    } else if (!is_ipv4(listen.address, &listen.loopback)) {
        return std::nullopt;
    }
    return listen;
}

std::optional<Listen> parse_ipv4_address(std::string_view text) {
    auto address = parse_listen(text);
    if (!address || address->port == 0 || !is_ipv4(address->address, &address->loopback)) return std::nullopt;
    return address;
}

bool is_host_and_port(std::string_view text) {
    const auto parts = split_authority(text);
    const auto port = parts ? parse_port(parts->second) : std::nullopt;
    return port.value_or(0) > 0 && is_host(parts->first);
}

std::optional<Mac> parse_mac(std::string_view text) {
    constexpr std::size_t length = 17;
    if (text.size() != length) return std::nullopt;
    Mac mac{};
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const auto byte = text.substr(i * 3, 2);
        const auto [end, error] = std::from_chars(byte.begin(), byte.end(), mac[i], 16);
        if (error != std::errc{} || end != byte.end()) return std::nullopt;
        if (i > 0 && (text[i * 3 - 1] != text[2] || (text[2] != ':' && text[2] != '-'))) return std::nullopt;
    }
    return mac;
}

std::optional<Url> parse_url(std::string_view text) {
    const bool tls = text.starts_with("https://");
    if (!tls && !text.starts_with("http://")) return std::nullopt;
    Url url{.text = std::string(text), .host = {}, .port = static_cast<std::uint16_t>(tls ? 443 : 80)};
    while (url.text.ends_with('/')) url.text.pop_back();
    const auto rest = text.substr(tls ? 8 : 7);
    const auto slash = rest.find('/');
    const auto parts = split_authority(rest.substr(0, slash));
    if (!parts || !is_host(parts->first)) return std::nullopt;
    url.host = parts->first;
    if (!parts->second.empty()) {
        const auto port = parse_port(parts->second);
        if (!port || *port == 0) return std::nullopt;
        url.port = *port;
    }
    const auto base = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    if (!is_path(base)) return std::nullopt;
    return url;
}

std::string without_user(std::string_view url) {
    const auto scheme = url.find("://");
    const auto start = scheme == std::string_view::npos ? 0 : scheme + 3;
    const auto at = url.substr(start).rfind('@');
    if (at == std::string_view::npos) return std::string(url);
    return std::string(url.substr(0, start)) + "***" + std::string(url.substr(start + at));
}

bool is_model_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && !name.starts_with('/') && !name.contains("..") &&
           std::ranges::all_of(name, [](char c) { return is_one_of(c, "._:/-"); });
}

std::string environment_word(std::string_view name) {
    std::string word;
    for (const char c : name) {
        word += is_one_of(c, "") ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
    }
    return word;
}

}  // namespace sarai::config
