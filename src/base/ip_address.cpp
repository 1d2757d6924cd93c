#include "base/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace sarai {
namespace {

constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool same_prefix(const IpAddress& a, const IpAddress& b, unsigned bits) {
    const auto whole = bits / 8;
    if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, b.bytes.begin())) return false;
    if (bits % 8 == 0) return true;
    const auto differ = static_cast<unsigned>(a.bytes[whole] ^ b.bytes[whole]);
    return differ >> (8 - bits % 8) == 0;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string copy(text);  // ends in a zero, as inet_pton wants it
    if (copy.size() > INET6_ADDRSTRLEN || copy.contains('\0')) return std::nullopt;
    IpAddress address;
    if (copy.contains(':')) {
        if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) != 1) return std::nullopt;
        return address;
    }
    // Of the ways to write an IPv4 address inet_pton knows the one with four decimal numbers alone.
    std::ranges::copy(mapped, address.bytes.begin());
    if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data() + mapped.size()) != 1) return std::nullopt;
    return address;
}

bool IpAddress::is_v4() const { return std::equal(mapped.begin(), mapped.end(), bytes.begin()); }

std::string to_string(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.is_v4())
        ::inet_ntop(AF_INET, address.bytes.data() + mapped.size(), text.data(), text.size());
    else
        ::inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
    return text.data();
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto first = IpAddress::parse(text.substr(0, slash));
    if (!first) return std::nullopt;
    IpRange range{.first = *first};
    if (slash == std::string_view::npos) return range;
    const auto digits = text.substr(slash + 1);
    const bool v4 = !text.substr(0, slash).contains(':');
    unsigned bits = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (ec != std::errc{} || end != digits.data() + digits.size() || bits > (v4 ? 32U : 128U)) return std::nullopt;
    range.bits = v4 ? bits + 96 : bits;
    for (auto bit = range.bits; bit < 128; ++bit)
        if ((first->bytes[bit / 8] >> (7 - bit % 8) & 1U) != 0) return std::nullopt;
    return range;
}

bool IpRange::holds(const IpAddress& address) const { return same_prefix(first, address, bits); }

}  // namespace sarai
