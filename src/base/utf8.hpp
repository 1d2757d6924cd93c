// Recognises UTF-8 (RFC 3629), so that nothing else is passed on or printed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sarai {

// Bytes of the code point at the start of `text`; 0 where it is not UTF-8, or empty.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// `text` with U+FFFD for each byte that is not UTF-8.
[[nodiscard]] std::string valid_utf8(std::string_view text);

// The largest length up to `most` that cuts no character of UTF-8 text.
[[nodiscard]] std::size_t utf8_floor(std::string_view text, std::size_t most);

}  // namespace sarai
