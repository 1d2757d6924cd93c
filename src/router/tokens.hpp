// A prompt cut into words, numbers, signs and things that are recognised whole (addresses, paths, identifiers). Pure,
// linear in the text, and indifferent to what bytes come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::router {

enum class TokenKind : std::uint8_t {
    word,        // letters and digits, folded, apostrophes left out: "don't" is "dont"
    number,      // its class: "<n1>" … "<n5>" by digits, "<past>" and "<recent>" for years, "<time>", "<money>"
    address,     // "<url>", "<mail>"
    path,        // "<path>"
    identifier,  // "<id>" before the words of camelCase, snake_case, calls()
    foreign,     // a run of another script
    emoji,
    sign,  // "?", "!", "¿", operators as they are
    line_end,
};

struct Token {
    TokenKind kind = TokenKind::word;
    std::string text;    // folded, UTF-8
    std::size_t at = 0;  // where in the source, in bytes
    std::size_t size = 0;
};

[[nodiscard]] std::vector<Token> tokens_of(std::string_view text);

}  // namespace sarai::router
