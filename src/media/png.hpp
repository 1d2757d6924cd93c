// A PNG (RFC 2083) from its signature to its end. Internal to media/.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "media/image_header.hpp"

namespace sarai::media {

// The size alone. The error is what is wrong with it, for a message: "it ends in the middle of a chunk".
[[nodiscard]] std::expected<ImageHeader, std::string> read_png(std::string_view bytes);

// Its data, unpacked and thrown away: are they as many as its size needs? A deflate stream of 20 MB can unpack to
// 20 GB, whatever the header says, and stb_image takes memory as long as it goes on. Takes about 5 ms a megapixel.
[[nodiscard]] std::expected<void, std::string> check_png_data(std::string_view bytes, const ImageHeader& header);

}  // namespace sarai::media
