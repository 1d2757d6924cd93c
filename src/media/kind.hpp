// What a file is, by its first bytes and never by its label. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::media {

enum class Kind : std::uint8_t {
    unknown,
    png,
    jpeg,
    gif,
    webp,
    bmp,
    tiff,
    avif,
    heic,
    svg,
    wav,
    mp3,
    flac,
    ogg,   // Vorbis, Opus, and what else is in that container
    aac,   // ADTS
    m4a,   // sound in MP4's container
    webm,  // and Matroska
    mp4,   // and QuickTime
    avi,
    pdf,
    text,  // UTF-8 without control characters, for want of anything better
};
enum class Family : std::uint8_t { unknown, image, audio, video, document };

[[nodiscard]] std::string_view name_of(Kind kind);  // "PNG"
[[nodiscard]] std::string_view name_of(Family family);
[[nodiscard]] Family family_of(Kind kind);
// "image/png".
[[nodiscard]] std::string_view mime_type(Kind kind);

[[nodiscard]] Kind sniff(std::string_view bytes);
// By the name of a format, in whatever letters: "png", "JPG".
[[nodiscard]] Kind kind_called(std::string_view format);
// Whether anything of a request may be this, where a certain family is expected, or (unknown) any.
[[nodiscard]] bool serves(Kind kind, Family expected);
// "'f' is PDF; expected sound". Its code: unsupported for what a model could read otherwise, else invalid_argument.
[[nodiscard]] std::unexpected<Error> not_wanted(Kind kind, Family expected, const std::string& field);

// Does a label say something else than the bytes? It may be a media type ("image/png"), or the name of a format as in
// input_audio's `format` ("mp3"). One that says nothing ("", "application/octet-stream", "image/*") contradicts
// nothing, nor does a container's name for its sound alone (video/webm, audio/webm).
// Error: invalid_argument with the field, "'f' says image/png, but its bytes are MP3".
[[nodiscard]] Result<void> check_label(std::string_view label, Kind kind, const std::string& field);

}  // namespace sarai::media
