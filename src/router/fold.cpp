#include "router/fold.hpp"

#include "base/utf8.hpp"

namespace sarai::router {
namespace {

// U+00C0…U+017F without accents; a blank where there is no Latin letter that it could stand for. Ñ is a letter of its
// own in Spanish (año is not ano).
constexpr std::string_view latin =
    "aaaaaaaceeeeiiii"
    "d~ooooo ouuuuyts"
    "aaaaaaaceeeeiiii"
    "d~ooooo ouuuuyty"
    "aaaaaaccccccccdd"
    "ddeeeeeeeeeegggg"
    "gggghhhhiiiiiiii"
    "iiiijjkkklllllll"
    "lllnnnnnnnnnoooo"
    "oooorrrrrrssssss"
    "ssttttttuuuuuuuu"
    "uuuuwwyyyzzzzzzs";
static_assert(latin.size() == 0x180 - 0xc0);

struct Range {
    char32_t from, to;
    [[nodiscard]] constexpr bool holds(char32_t code) const { return code >= from && code <= to; }
};

template <std::size_t N>
constexpr bool any(const Range (&ranges)[N], char32_t code) {
    for (const auto& range : ranges)
        if (range.holds(code)) return true;
    return false;
}

constexpr Range blanks[] = {{0x09, 0x09},     {0x20, 0x20},     {0xa0, 0xa0},
                            {0x2000, 0x200a}, {0x202f, 0x202f}, {0x3000, 0x3000}};
constexpr Range marks[] = {{0x300, 0x36f},   {0x200b, 0x200f}, {0x2060, 0x2064},  {0xfe00, 0xfe0f},
                           {0xfeff, 0xfeff}, {0x20d0, 0x20ff}, {0x1f3fb, 0x1f3ff}};
constexpr Range emojis[] = {{0x1f000, 0x1faff}, {0x2600, 0x27bf}, {0x2b50, 0x2b55},
                            {0x231a, 0x231b},   {0x23e9, 0x23fa}, {0xe0020, 0xe007f}};
// What lies between the letters: general punctuation to dingbats, CJK's punctuation, private use.
constexpr Range signs[] = {{0x00, 0xbf},     {0x2010, 0x2bff}, {0x3001, 0x303f},
                           {0xe000, 0xf8ff}, {0xff00, 0xff0f}, {0xf0000, 0x10ffff}};

char32_t decode(std::string_view text, std::size_t size) {
    const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
    if (size == 1) return byte(0);
    char32_t code = byte(0) & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i) code = (code << 6U) | (byte(i) & 0x3fU);
    return code;
}

Character latin_letter(char32_t code, std::size_t size) {
    const char folded = latin[code - 0xc0];
    if (folded == ' ') return {.kind = Kind::sign, .code = code, .size = size};  // × and ÷
    // Upper and lower case take turns from U+0100 on, but for a few that change nothing here.
    const bool upper = code < 0x100 ? code < 0xdf : (code & 1U) == 0;
    return {.kind = Kind::letter,
            .code = folded == '~' ? U'\u00f1' : static_cast<char32_t>(folded),
            .upper = upper,
            .size = size};
}

}  // namespace

Character read_character(std::string_view text) {
    const auto size = utf8_length(text);
    if (size == 0) return {};
    const auto code = decode(text, size);
    const auto is = [&](Kind kind) { return Character{.kind = kind, .code = code, .size = size}; };
    if (code >= U'a' && code <= U'z') return is(Kind::letter);
    if (code >= U'A' && code <= U'Z') return {.kind = Kind::letter, .code = code + 32, .upper = true, .size = size};
    if (code >= U'0' && code <= U'9') return is(Kind::digit);
    if (code == U'\n' || code == U'\r' || code == 0x2028 || code == 0x2029) return is(Kind::line_end);
    if (any(blanks, code)) return is(Kind::blank);
    if (code >= 0xc0 && code < 0x180) return latin_letter(code, size);
    if (any(marks, code)) return is(Kind::mark);
    if (any(emojis, code)) return is(Kind::emoji);
    if (any(signs, code)) return is(Kind::sign);
    return is(Kind::foreign);
}

}  // namespace sarai::router
