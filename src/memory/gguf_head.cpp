#include "memory/gguf_head.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace sarai::memory {
namespace {

// Little-endian, as this machine is (GGUF for others is written apart).
template <class Number>
std::optional<Number> take(std::string_view& rest) {
    if (rest.size() < sizeof(Number)) return std::nullopt;
    std::array<char, sizeof(Number)> bytes;
    std::ranges::copy(rest.substr(0, sizeof(Number)), bytes.begin());
    const auto number = std::bit_cast<Number>(bytes);
    rest.remove_prefix(sizeof number);
    return number;
}

std::optional<std::string_view> take_text(std::string_view& rest) {
    const auto length = take<std::uint64_t>(rest);
    if (!length || *length > rest.size()) return std::nullopt;
    const auto text = rest.substr(0, *length);
    rest.remove_prefix(*length);
    return text;
}

}  // namespace

std::optional<std::string> architecture_in(std::string_view head) {
    if (head.starts_with("lmgg")) return "whisper";
    constexpr std::uint32_t text_type = 8;
    constexpr std::size_t fixed = 4 + 4 + 8 + 8;  // magic, version, number of tensors, number of keys
    if (!head.starts_with("GGUF") || head.size() < fixed) return std::nullopt;
    head.remove_prefix(fixed);
    // Texts only: what has another type ends the search.
    while (const auto key = take_text(head)) {
        if (take<std::uint32_t>(head) != text_type) break;
        const auto value = take_text(head);
        if (!value) break;
        if (key == "general.architecture") return std::string(*value);
    }
    return std::nullopt;
}

}  // namespace sarai::memory
