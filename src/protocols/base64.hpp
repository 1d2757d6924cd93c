// Base64 as of RFC 4648 §4, with padding.
#pragma once

#include <string>
#include <string_view>

namespace sarai::protocols {

[[nodiscard]] std::string encode_base64(std::string_view bytes);

}  // namespace sarai::protocols
