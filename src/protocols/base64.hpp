// Base64 as of RFC 4648 §4, with padding.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::protocols {

[[nodiscard]] std::string encode_base64(std::string_view bytes);

// Bytes that so much base64 stands for at most, to be asked before decoding it.
[[nodiscard]] constexpr std::size_t decoded_size(std::size_t base64) { return base64 / 4 * 3 + 3; }

// Lenient where clients are: line ends between the digits (MIME) and missing padding do not matter, nor does the
// alphabet of URLs (§5). Errors: invalid_argument, with the position of what is no digit.
[[nodiscard]] Result<std::string> decode_base64(std::string_view text);

}  // namespace sarai::protocols
