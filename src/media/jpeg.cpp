#include "media/jpeg.hpp"

#include <optional>

#include "media/byte_reader.hpp"

namespace sarai::media {
namespace {

// A progressive picture needs about ten; each costs the decoder a pass over the whole of it, however short it is.
constexpr int most_scans = 100;

// EXIF's orientation (tag 0x0112): 1 is upright. The engine does not look at it.
int orientation(std::string_view exif) {
    if (!exif.starts_with(std::string_view("Exif\0\0", 6))) return 1;
    const auto tiff = exif.substr(6);
    const bool intel = tiff.starts_with("II");
    const auto number = [&](std::size_t at, unsigned width) {
        return intel ? little(tiff, at, width) : big(tiff, at, width);
    };
    const auto folder = number(4, 4);
    const auto entries = folder ? number(*folder, 2) : std::nullopt;
    for (std::uint32_t i = 0; entries && i < *entries; ++i) {
        const auto at = std::size_t{*folder} + 2 + std::size_t{i} * 12;
        const auto tag = number(at, 2);
        if (!tag) return 1;
        if (*tag == 0x0112) return static_cast<int>(number(at + 8, 2).value_or(1));
    }
    return 1;
}

// The next marker's second byte; `at` is moved behind it. Between scans' data: not stuffed zeros, not restarts.
std::optional<unsigned char> next_marker(std::string_view bytes, std::size_t& at, bool in_data) {
    while ((at = bytes.find('\xFF', at)) != std::string_view::npos) {
        while (at < bytes.size() && bytes[at] == '\xFF') ++at;
        if (at >= bytes.size()) return std::nullopt;
        const auto marker = static_cast<unsigned char>(bytes[at++]);
        if (marker == 0 || (in_data && marker >= 0xD0 && marker <= 0xD7)) continue;
        return marker;
    }
    return std::nullopt;
}

bool is_frame(unsigned char marker) {
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

}  // namespace

std::expected<ImageHeader, std::string> read_jpeg(std::string_view bytes) {
    ImageHeader header;
    bool upright = true;
    int scans = 0;
    for (std::size_t at = 2;;) {
        const auto marker = next_marker(bytes, at, scans > 0);
        if (!marker) return std::unexpected("it ends before its last marker");
        if (*marker == 0xD9) break;
        if (*marker == 0x01 || (*marker >= 0xD0 && *marker <= 0xD8)) continue;  // without a length
        const auto length = big(bytes, at, 2);
        if (!length || *length < 2 || bytes.size() - at < *length)
            return std::unexpected("it ends in the middle of a segment");
        const auto segment = bytes.substr(at + 2, *length - 2);
        at += *length;
        if (is_frame(*marker)) {
            if (header.width != 0) return std::unexpected("it has two headers");
            const auto height = big(segment, 1, 2);
            const auto width = big(segment, 3, 2);
            if (!height || !width) return std::unexpected("its header is cut off");
            header.width = *width;
            header.height = *height;
            // Baseline, extended and progressive with 8 bits are what stb_image reads.
            header.engine_reads = *marker <= 0xC2 && segment.front() == 8;
        }
        if (*marker == 0xE1 && orientation(segment) > 1) upright = false;
        if (*marker == 0xDA && ++scans > most_scans)
            return std::unexpected("it has more than a hundred scans, which only cost time");
    }
    if (header.width == 0 || scans == 0) return std::unexpected("it has no picture");
    header.engine_reads = header.engine_reads && upright;
    return header;
}

}  // namespace sarai::media
