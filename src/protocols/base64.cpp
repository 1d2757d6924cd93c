#include "protocols/base64.hpp"

#include <cstdint>

namespace sarai::protocols {

std::string encode_base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

}  // namespace sarai::protocols
