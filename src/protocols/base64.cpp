#include "protocols/base64.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace sarai::protocols {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t no_digit = 64;
constexpr std::uint8_t blank = 65;
constexpr auto values = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(no_digit);
    for (std::uint8_t i = 0; i < 64; ++i) table[static_cast<unsigned char>(digits[i])] = i;
    table['-'] = 62;
    table['_'] = 63;
    for (const unsigned char space : {' ', '\t', '\r', '\n'}) table[space] = blank;
    return table;
}();

}  // namespace

std::string encode_base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto left = bytes.size() - i;
        const auto at = [&](std::size_t k) -> std::uint32_t {
            return k < left ? static_cast<unsigned char>(bytes[i + k]) : 0;
        };
        const auto group = at(0) << 16U | at(1) << 8U | at(2);
        out += digits[group >> 18U];
        out += digits[group >> 12U & 63U];
        out += left > 1 ? digits[group >> 6U & 63U] : '=';
        out += left > 2 ? digits[group & 63U] : '=';
    }
    return out;
}

Result<std::string> decode_base64(std::string_view text) {
    std::string out;
    out.reserve(decoded_size(text.size()));
    std::uint32_t group = 0;
    int count = 0;    // digits in the group
    int padding = 0;  // "=" so far; nothing but those may follow
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto value = values[static_cast<unsigned char>(text[i])];
        if (value == blank) continue;
        if (text[i] == '=' && count + padding >= 2 && padding < 2) {
            ++padding;
            continue;
        }
        if (value == no_digit || padding > 0)
            return fail(Code::invalid_argument, fmt::format("byte {} is no base64 digit", i));
        group = group << 6U | value;
        if (++count < 4) continue;
        out += static_cast<char>(group >> 16U);
        out += static_cast<char>(group >> 8U);
        out += static_cast<char>(group);
        group = 0;
        count = 0;
    }
    if (count == 1 || (padding > 0 && count + padding != 4))
        return fail(Code::invalid_argument, "the base64 ends in the middle of a byte");
    if (count >= 2) out += static_cast<char>(group >> (count == 3 ? 10U : 4U));
    if (count == 3) out += static_cast<char>(group >> 2U);
    return out;
}

}  // namespace sarai::protocols
