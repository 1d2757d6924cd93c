// A JPEG (ITU-T T.81) from marker to marker. Internal to media/.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "media/image_header.hpp"

namespace sarai::media {

// The error is what is wrong with it, for a message.
[[nodiscard]] std::expected<ImageHeader, std::string> read_jpeg(std::string_view bytes);

}  // namespace sarai::media
