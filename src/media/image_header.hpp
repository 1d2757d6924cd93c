// What an image's header says, read before any decoder sees the file. Pure.
//
// PNG and JPEG, which go to the engine as they are, are read to their end: one that was cut off, or whose data unpack
// to far more than its size needs, is no image here. The engine reads PNG, JPEG, BMP and GIF (stb_image); what it reads
// only in part (JPEG's rarer codings, a picture that is to be turned) says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "media/kind.hpp"

namespace sarai::media {

struct ImageHeader {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    bool engine_reads = false;  // as it is, and shows it the right way up
    [[nodiscard]] std::int64_t pixels() const { return std::int64_t{width} * height; }
};

// Of PNG, JPEG, GIF, BMP and WebP. Errors, with `field`: invalid_argument for one that is no such image or not whole,
// too_large for more than `max_pixels`.
[[nodiscard]] Result<ImageHeader> read_image_header(Kind kind, std::string_view bytes, std::int64_t max_pixels,
                                                    const std::string& field);
// Can it read that kind?
[[nodiscard]] bool has_image_header(Kind kind);

}  // namespace sarai::media
