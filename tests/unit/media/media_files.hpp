// Small files, made byte by byte: what is right, so that a test can break one thing in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sarai::media {

inline std::string big_endian(std::uint32_t value) {
    std::string out;
    for (unsigned shift = 32; shift > 0; shift -= 8) out += static_cast<char>(value >> (shift - 8) & 0xFFU);
    return out;
}
inline std::string little_endian(std::uint32_t value, unsigned width) {
    std::string out;
    for (unsigned i = 0; i < width; ++i) out += static_cast<char>(value >> 8 * i & 0xFFU);
    return out;
}

inline std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = ~0U;
    for (const unsigned char byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    }
    return ~crc;
}

inline std::string chunk(std::string_view type, std::string_view data) {
    const auto body = std::string(type) + std::string(data);
    return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(crc32(body));
}

// zlib's frame around stored blocks: nothing is compressed.
inline std::string stored(std::string_view bytes) {
    std::string out = "\x78\x01";
    std::uint32_t a = 1;
    std::uint32_t b = 0;
    for (const unsigned char byte : bytes) {
        a = (a + byte) % 65521;
        b = (b + a) % 65521;
    }
    while (true) {
        const auto part = bytes.substr(0, 65535);
        bytes.remove_prefix(part.size());
        out += static_cast<char>(bytes.empty() ? 1 : 0);
        const auto size = static_cast<std::uint32_t>(part.size());
        out += little_endian(size, 2) + little_endian(~size & 0xFFFFU, 2) + std::string(part);
        if (bytes.empty()) break;
    }
    return out + big_endian(b << 16U | a);
}

inline std::string png_with(std::uint32_t width, std::uint32_t height, std::string_view data) {
    auto header = big_endian(width) + big_endian(height);
    header += std::string("\x08\x02\x00\x00\x00", 5);  // 8 bits, RGB
    return "\x89PNG\r\n\x1A\n" + chunk("IHDR", header) + chunk("IDAT", data) + chunk("IEND", "");
}
// One colour.
inline std::string png(std::uint32_t width, std::uint32_t height, char shade = '\x40') {
    std::string rows;
    for (std::uint32_t y = 0; y < height; ++y)
        rows += std::string(1, '\0') + std::string(std::size_t{3} * width, shade);
    return png_with(width, height, stored(rows));
}

// Without a picture that could be decoded: markers alone.
inline std::string jpeg_markers(std::uint32_t width, std::uint32_t height, char frame = '\xC0', char bits = 8,
                                std::string_view before = {}) {
    const auto size = big_endian(height).substr(2) + big_endian(width).substr(2);
    return std::string("\xFF\xD8") + std::string(before) + "\xFF" + frame + std::string("\0\x0B", 2) + bits + size +
           std::string("\x01\x01\x11\x00", 4) + std::string("\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00", 10) +
           std::string("\x12\x34\xFF\x00\x56", 5) + "\xFF\xD9";
}

inline std::string gif(std::uint32_t width, std::uint32_t height) {
    return "GIF89a" + little_endian(width, 2) + little_endian(height, 2) + std::string("\x80\x00\x00", 3) +
           std::string("\x00\x00\x00\xFF\xFF\xFF", 6) + "," + std::string(4, '\0') + little_endian(width, 2) +
           little_endian(height, 2) + std::string("\x00\x02\x02\x44\x01\x00;", 7);
}

inline std::string bmp(std::uint32_t width, std::uint32_t height) {
    const auto row = (width * 3 + 3) / 4 * 4;
    const std::string rows(std::size_t{row} * height, '\x60');
    const auto size = static_cast<std::uint32_t>(54 + rows.size());
    return "BM" + little_endian(size, 4) + std::string(4, '\0') + little_endian(54, 4) + little_endian(40, 4) +
           little_endian(width, 4) + little_endian(height, 4) + little_endian(1, 2) + little_endian(24, 2) +
           std::string(24, '\0') + rows;
}

inline std::string wav(std::uint32_t rate, std::uint32_t channels, std::uint32_t samples, std::uint32_t bits = 16,
                       std::uint32_t format = 1) {
    const auto block = channels * bits / 8;
    std::string sound;
    for (std::uint32_t i = 0; i < samples; ++i)
        sound += std::string(block, static_cast<char>(i / 20 % 2 == 0 ? 30 : 5));
    const auto size = static_cast<std::uint32_t>(sound.size());
    return "RIFF" + little_endian(36 + size, 4) + "WAVEfmt " + little_endian(16, 4) + little_endian(format, 2) +
           little_endian(channels, 2) + little_endian(rate, 4) + little_endian(rate * block, 4) +
           little_endian(block, 2) + little_endian(bits, 2) + "data" + little_endian(size, 4) + sound;
}

}  // namespace sarai::media
