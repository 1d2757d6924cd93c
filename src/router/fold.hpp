// One character of a prompt as the router sees it: without case and without accents. Knows Latin letters, and of the
// rest of Unicode what kind of thing it is; any bytes will do. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sarai::router {

enum class Kind : std::uint8_t {
    letter,   // Latin, folded to a–z or ñ
    digit,    // 0–9
    foreign,  // a letter of another script
    blank,
    line_end,
    emoji,
    mark,     // belongs to what stands before it: combining accents, joiners, emoji's variants
    sign,     // punctuation and symbols, as they are
    invalid,  // no UTF-8
};

struct Character {
    Kind kind = Kind::invalid;
    char32_t code = 0;     // folded
    bool upper = false;    // was upper case
    std::size_t size = 1;  // bytes of the source
};

// Of the start of `text`, which is not empty.
[[nodiscard]] Character read_character(std::string_view text);

}  // namespace sarai::router
