#include "knowledge/encoding.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.hpp"

namespace sarai::knowledge {

namespace {

enum class Encoding : std::uint8_t { utf8, utf16_little, utf16_big, latin1, none };

// WHATWG Encoding Standard, index windows-1252, bytes 0x80–0x9f; the holes stay C1 controls.
constexpr std::array<char16_t, 32> windows_1252{0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                                0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008d, 0x017d, 0x008f,
                                                0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                                0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

constexpr std::size_t head_bytes = 8192;

void append(std::string& out, char32_t point) {
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    const auto byte = [&](char32_t value) { out += static_cast<char>(value); };
    if (point < 0x80) {
        byte(point);
    } else if (point < 0x800) {
        byte(0xc0 | point >> 6), byte(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        byte(0xe0 | point >> 12), byte(0x80 | (point >> 6 & 0x3f)), byte(0x80 | (point & 0x3f));
    } else {
        byte(0xf0 | point >> 18), byte(0x80 | (point >> 12 & 0x3f)), byte(0x80 | (point >> 6 & 0x3f));
        byte(0x80 | (point & 0x3f));
    }
}

// A lone surrogate becomes U+FFFD, an odd byte at the end is dropped.
std::string from_utf16(std::string_view bytes, bool big) {
    const auto unit = [&](std::size_t i) -> char32_t {
        const auto a = static_cast<unsigned char>(bytes[i]), b = static_cast<unsigned char>(bytes[i + 1]);
        return big ? static_cast<char32_t>(a << 8 | b) : static_cast<char32_t>(b << 8 | a);
    };
    std::string out;
    out.reserve(bytes.size());
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        char32_t point = unit(i);
        if (point >= 0xd800 && point < 0xdc00 && i + 3 < bytes.size()) {
            if (const auto low = unit(i + 2); low >= 0xdc00 && low < 0xe000) {
                point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        append(out, point);
    }
    return out;
}

std::string from_latin1(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 8);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        append(out, byte >= 0x80 && byte < 0xa0 ? char32_t{windows_1252[byte - 0x80U]} : char32_t{byte});
    }
    return out;
}

// Text has tabs, line ends, form feeds and, in logs, escapes (colours); other control characters are rare in it.
bool is_control(unsigned char byte) {
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f' && byte != 0x1b) ||
           byte == 0x7f;
}
bool many_controls(std::string_view text) {
    const auto count = std::ranges::count_if(text, [](char c) { return is_control(static_cast<unsigned char>(c)); });
    return static_cast<std::size_t>(count) * 50 > text.size();  // more than 2 %
}

// One that cannot be all of a character's bytes, since the text was cut behind it, is no fault.
bool is_utf8(std::string_view text, bool cut) {
    while (!text.empty()) {
        const auto length = utf8_length(text);
        if (length == 0) return cut && text.size() < 4 && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0xc0;
        text.remove_prefix(length);
    }
    return true;
}

Encoding encoding_of(std::string_view bytes, bool cut) {
    if (bytes.starts_with("\xef\xbb\xbf")) return Encoding::utf8;
    if (bytes.starts_with("\xff\xfe")) return Encoding::utf16_little;
    if (bytes.starts_with("\xfe\xff")) return Encoding::utf16_big;
    const auto head = bytes.substr(0, head_bytes);
    if (head.contains('\0')) {
        // Of UTF-16 in a European language nearly every other byte is zero, and none of the others.
        std::array<std::size_t, 2> zeros{};
        for (std::size_t i = 0; i < head.size(); ++i) zeros[i % 2] += head[i] == '\0' ? 1 : 0;
        const auto units = head.size() / 2;
        if (units >= 2 && zeros[0] == 0 && zeros[1] * 10 >= units * 7) return Encoding::utf16_little;
        if (units >= 2 && zeros[1] == 0 && zeros[0] * 10 >= units * 7) return Encoding::utf16_big;
        return Encoding::none;
    }
    if (bytes.contains('\0') || many_controls(bytes)) return Encoding::none;
    return is_utf8(bytes, cut) ? Encoding::utf8 : Encoding::latin1;
}

// Of old Macs and Windows alike; what stands for a zero byte would end texts early elsewhere.
std::string with_plain_lines(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\0') continue;
        if (text[i] != '\r') {
            out += text[i];
        } else if (i + 1 == text.size() || text[i + 1] != '\n') {
            out += '\n';
        }
    }
    return out;
}

}  // namespace

bool looks_binary(std::string_view head) { return encoding_of(head.substr(0, head_bytes), true) == Encoding::none; }

Result<std::string> to_utf8(std::string_view bytes) {
    std::string text;
    switch (encoding_of(bytes, false)) {
        case Encoding::none:
            return fail(Code::unsupported, "this is no text: it has zero bytes or many control characters");
        case Encoding::utf8:
            if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
            text = valid_utf8(bytes);  // a byte order mark was believed without looking at the rest
            break;
        case Encoding::utf16_little:
        case Encoding::utf16_big: {
            const bool big = encoding_of(bytes, false) == Encoding::utf16_big;
            if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) bytes.remove_prefix(2);
            text = from_utf16(bytes, big);
            break;
        }
        case Encoding::latin1: text = from_latin1(bytes); break;
    }
    if (many_controls(text)) return fail(Code::unsupported, "this is no text: it has many control characters");
    return with_plain_lines(text);
}

}  // namespace sarai::knowledge
