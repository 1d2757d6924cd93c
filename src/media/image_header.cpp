#include "media/image_header.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <expected>

#include "media/byte_reader.hpp"
#include "media/data_uri.hpp"
#include "media/jpeg.hpp"
#include "media/png.hpp"

namespace sarai::media {
namespace {

using Read = std::expected<ImageHeader, std::string>;

Read cut_off() { return std::unexpected("it is cut off"); }

Read read_gif(std::string_view bytes) {
    const auto width = little(bytes, 6, 2);
    const auto height = little(bytes, 8, 2);
    if (!width || !height || bytes.size() < 14) return cut_off();
    return ImageHeader{.width = *width, .height = *height};
}

Read read_bmp(std::string_view bytes) {
    const auto data = little(bytes, 10, 4);
    const auto header = little(bytes, 14, 4);
    if (!data || !header) return cut_off();
    if (*header == 12) {
        const auto width = little(bytes, 18, 2);
        const auto height = little(bytes, 20, 2);
        if (!width || !height || *data >= bytes.size()) return cut_off();
        return ImageHeader{.width = *width, .height = *height};
    }
    const auto width = little(bytes, 18, 4);
    const auto height = little(bytes, 22, 4);
    if (!width || !height || *data >= bytes.size()) return cut_off();
    const auto rows = static_cast<std::int32_t>(*height);  // negative: from the top
    return ImageHeader{.width = *width, .height = rows < 0 ? 0U - *height : *height};
}

// RIFF's WebP container: one of three chunks comes first.
Read read_webp(std::string_view bytes) {
    const auto size = little(bytes, 4, 4);
    if (!size || bytes.size() < 30 || bytes.size() - 8 < *size) return cut_off();
    const auto chunk = bytes.substr(12, 4);
    if (chunk == "VP8X") return ImageHeader{.width = *little(bytes, 24, 3) + 1, .height = *little(bytes, 27, 3) + 1};
    if (chunk == "VP8L") {
        const auto packed = *little(bytes, 21, 4);
        return ImageHeader{.width = (packed & 0x3FFFU) + 1, .height = (packed >> 14U & 0x3FFFU) + 1};
    }
    if (chunk == "VP8 ")
        return ImageHeader{.width = *little(bytes, 26, 2) & 0x3FFFU, .height = *little(bytes, 28, 2) & 0x3FFFU};
    return std::unexpected("its first chunk is none that WebP has");
}

Read read(Kind kind, std::string_view bytes) {
    switch (kind) {
        case Kind::png: return read_png(bytes);
        case Kind::jpeg: return read_jpeg(bytes);
        case Kind::gif: return read_gif(bytes);
        case Kind::bmp: return read_bmp(bytes);
        case Kind::webp: return read_webp(bytes);
        default: return std::unexpected("its header is not read here");
    }
}

}  // namespace

bool has_image_header(Kind kind) {
    return kind == Kind::png || kind == Kind::jpeg || kind == Kind::gif || kind == Kind::bmp || kind == Kind::webp;
}

Result<ImageHeader> read_image_header(Kind kind, std::string_view bytes, std::int64_t max_pixels,
                                      const std::string& field) {
    const auto refuse = [&](std::string_view why) {
        return fail_field(field, fmt::format("'{}' is a {} of {} that cannot be read: {}", field, name_of(kind),
                                             to_string(Bytes{static_cast<std::int64_t>(bytes.size())}), why));
    };
    const auto header = read(kind, bytes);
    if (!header) return refuse(header.error());
    if (header->width == 0 || header->height == 0)
        return refuse(fmt::format("its size is {} × {} pixels", header->width, header->height));
    if (header->pixels() > max_pixels)
        return too_large(field, fmt::format("{} × {} pixels", header->width, header->height),
                         fmt::format("{} (media.max_pixels)", max_pixels));
    if (kind == Kind::png)
        if (const auto checked = check_png_data(bytes, *header); !checked) return refuse(checked.error());
    return *header;
}

}  // namespace sarai::media
