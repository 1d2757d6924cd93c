// Whole numbers at a place in a file's bytes; nothing where the file ends before. Internal to media/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sarai::media {

[[nodiscard]] inline std::optional<std::uint32_t> big(std::string_view bytes, std::size_t at, unsigned width) {
    if (at > bytes.size() || bytes.size() - at < width) return std::nullopt;
    std::uint32_t value = 0;
    for (unsigned i = 0; i < width; ++i) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

[[nodiscard]] inline std::optional<std::uint32_t> little(std::string_view bytes, std::size_t at, unsigned width) {
    if (at > bytes.size() || bytes.size() - at < width) return std::nullopt;
    std::uint32_t value = 0;
    for (unsigned i = width; i > 0; --i) value = value << 8U | static_cast<unsigned char>(bytes[at + i - 1]);
    return value;
}

}  // namespace sarai::media
