#include "media/kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/utf8.hpp"
#include "protocols/json.hpp"

namespace sarai::media {
namespace {

struct Facts {
    Kind kind;
    Family family;
    std::string_view name;
    std::string_view labels;  // media types first, the usual one foremost; then names of formats; between blanks
};
constexpr std::array table{
    Facts{Kind::unknown, Family::unknown, "unknown", " application/octet-stream "},
    Facts{Kind::png, Family::image, "PNG", " image/png image/apng image/x-png png "},
    Facts{Kind::jpeg, Family::image, "JPEG", " image/jpeg image/jpg image/pjpeg jpeg jpg "},
    Facts{Kind::gif, Family::image, "GIF", " image/gif gif "},
    Facts{Kind::webp, Family::image, "WebP", " image/webp webp "},
    Facts{Kind::bmp, Family::image, "BMP", " image/bmp image/x-bmp image/x-ms-bmp bmp "},
    Facts{Kind::tiff, Family::image, "TIFF", " image/tiff image/tif tiff tif "},
    Facts{Kind::avif, Family::image, "AVIF", " image/avif avif "},
    Facts{Kind::heic, Family::image, "HEIC", " image/heic image/heif heic heif "},
    Facts{Kind::svg, Family::image, "SVG", " image/svg+xml svg "},
    Facts{Kind::wav, Family::audio, "WAV", " audio/wav audio/x-wav audio/wave audio/vnd.wave wav "},
    Facts{Kind::mp3, Family::audio, "MP3", " audio/mpeg audio/mp3 audio/x-mp3 audio/mpga mp3 mpga mpeg "},
    Facts{Kind::flac, Family::audio, "FLAC", " audio/flac audio/x-flac flac "},
    Facts{Kind::ogg, Family::audio, "Ogg",
          " audio/ogg audio/opus audio/vorbis application/ogg video/ogg ogg oga opus vorbis "},
    Facts{Kind::aac, Family::audio, "AAC", " audio/aac audio/x-aac audio/aacp aac "},
    Facts{Kind::m4a, Family::audio, "M4A",
          " audio/mp4 audio/m4a audio/x-m4a audio/mp4a-latm audio/aac video/mp4 m4a mp4 aac "},
    Facts{Kind::webm, Family::video, "WebM/Matroska",
          " video/webm audio/webm video/x-matroska audio/x-matroska video/matroska webm mkv mka "},
    Facts{Kind::mp4, Family::video, "MP4/QuickTime",
          " video/mp4 audio/mp4 audio/m4a audio/x-m4a audio/mp4a-latm audio/aac video/quicktime video/x-m4v video/3gpp "
          "audio/3gpp mp4 mov m4a m4v 3gp aac "},
    Facts{Kind::avi, Family::video, "AVI", " video/x-msvideo video/avi video/msvideo avi "},
    Facts{Kind::pdf, Family::document, "PDF", " application/pdf application/x-pdf pdf "},
    Facts{Kind::text, Family::document, "text", " text/plain "},
};

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

const Facts& facts_of(Kind kind) { return *std::ranges::find(table, kind, &Facts::kind); }

// The brand of an ISO base media file (ISO/IEC 14496-12): MP4, QuickTime, HEIF and their kin.
Kind of_brand(std::string_view bytes) {
    const auto brand = bytes.substr(8, 4);
    if (brand == "avif" || brand == "avis") return Kind::avif;
    if (brand == "heic" || brand == "heix" || brand == "hevc" || brand == "hevx" || brand == "heim" || brand == "heis")
        return Kind::heic;
    if (brand == "mif1" || brand == "msf1") {  // says HEIF and not of what; one of the others stands behind
        const auto size = std::min<std::size_t>(bytes.size(), 64);
        return bytes.substr(0, size).contains("avif") ? Kind::avif : Kind::heic;
    }
    return brand == "M4A " || brand == "M4B " || brand == "M4P " ? Kind::m4a : Kind::mp4;
}

// A frame's header (ISO/IEC 11172-3): sync, a layer, a bit rate and a sampling rate that exist.
bool is_mpeg_audio(std::string_view bytes) {
    if (bytes.size() < 4) return false;
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    return at(0) == 0xFF && (at(1) & 0xE0U) == 0xE0 && (at(1) & 0x18U) != 0x08 && (at(1) & 0x06U) != 0 &&
           (at(2) & 0xF0U) != 0xF0 && (at(2) & 0x0CU) != 0x0C;
}

bool is_text(std::string_view bytes) {
    for (auto rest = bytes; !rest.empty();) {
        const auto length = utf8_length(rest);
        const auto first = static_cast<unsigned char>(rest.front());
        if (length == 0 || (first < 0x20 && first != '\n' && first != '\r' && first != '\t' && first != '\f'))
            return false;
        rest.remove_prefix(length);
    }
    return !bytes.empty();
}

// An XML document whose first element is svg, or that names it early.
bool is_svg(std::string_view bytes) {
    if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
    while (!bytes.empty() && std::isspace(static_cast<unsigned char>(bytes.front())) != 0) bytes.remove_prefix(1);
    if (!bytes.starts_with('<')) return false;
    const auto head = bytes.substr(0, std::min<std::size_t>(bytes.size(), 4096));
    return head.contains("<svg") && !head.contains("<html");
}

struct Magic {
    std::string_view bytes;
    Kind kind;
};
using namespace std::string_view_literals;
constexpr std::array magics{
    Magic{"\x89PNG\r\n\x1A\n"sv, Kind::png},
    Magic{"\xFF\xD8\xFF"sv, Kind::jpeg},
    Magic{"GIF87a"sv, Kind::gif},
    Magic{"GIF89a"sv, Kind::gif},
    Magic{"II*\0"sv, Kind::tiff},
    Magic{"MM\0*"sv, Kind::tiff},
    Magic{"fLaC"sv, Kind::flac},
    Magic{"OggS"sv, Kind::ogg},
    Magic{"ID3"sv, Kind::mp3},
    Magic{"\x1A\x45\xDF\xA3"sv, Kind::webm},
    Magic{"%PDF-"sv, Kind::pdf},
};

}  // namespace

std::string_view name_of(Kind kind) { return facts_of(kind).name; }
Family family_of(Kind kind) { return facts_of(kind).family; }

std::string_view name_of(Family family) {
    switch (family) {
        case Family::unknown: break;
        case Family::image: return "an image";
        case Family::audio: return "sound";
        case Family::video: return "video";
        case Family::document: return "a document";
    }
    return "unknown";
}

std::string_view mime_type(Kind kind) {
    const auto labels = facts_of(kind).labels.substr(1);
    return labels.substr(0, labels.find(' '));
}

Kind sniff(std::string_view bytes) {
    for (const auto& magic : magics)
        if (bytes.starts_with(magic.bytes)) return magic.kind;
    if (bytes.size() >= 12 && bytes.starts_with("RIFF")) {
        const auto form = bytes.substr(8, 4);
        if (form == "WAVE") return Kind::wav;
        if (form == "WEBP") return Kind::webp;
        if (form == "AVI ") return Kind::avi;
    }
    if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp") return of_brand(bytes);
    // "BM" alone begins words as well: four reserved bytes are zero, and a header of a known size follows.
    if (bytes.size() >= 26 && bytes.starts_with("BM") && bytes.substr(6, 4) == "\0\0\0\0"sv &&
        static_cast<unsigned char>(bytes[14]) >= 12 && bytes.substr(15, 3) == "\0\0\0"sv)
        return Kind::bmp;
    if (bytes.size() >= 4 && bytes[0] == '\xFF' && (static_cast<unsigned char>(bytes[1]) & 0xF6U) == 0xF0)
        return Kind::aac;
    if (is_mpeg_audio(bytes)) return Kind::mp3;
    if (is_svg(bytes)) return Kind::svg;
    return is_text(bytes) ? Kind::text : Kind::unknown;
}

Kind kind_called(std::string_view format) {
    const auto word = " " + lower(format) + " ";
    // Some names stand for several: that one has it whose own it is, as .mp4 is a film.
    const auto rank = [&](const Facts& facts) {
        const auto names = facts.labels.substr(facts.labels.find(' ', facts.labels.rfind('/')));
        return names.find(word);  // the largest number where it is none of them
    };
    const auto& found = *std::ranges::min_element(table, {}, rank);
    return rank(found) == std::string_view::npos ? Kind::unknown : found.kind;
}

// WebM and MP4 have sound alone as well, and a GIF may be meant as a film.
bool serves(Kind kind, Family expected) {
    if (kind == Kind::svg || kind == Kind::pdf || kind == Kind::unknown) return false;
    const auto family = family_of(kind);
    if (expected == Family::unknown || family == expected) return true;
    if (expected == Family::audio) return family == Family::video;
    return expected == Family::video && (family == Family::audio || family == Family::image);
}

std::unexpected<Error> not_wanted(Kind kind, Family expected, const std::string& field) {
    const auto hint = kind == Kind::pdf ? "PDF files are not read here yet: send their text, or their pages as images."
                      : kind == Kind::svg ? "Send it as PNG: SVG is a program that draws, and may name further files."
                                          : "";
    const bool known = kind != Kind::unknown;
    return std::unexpected(Error{
        .code = known && (kind == Kind::pdf || kind == Kind::svg) ? Code::unsupported : Code::invalid_argument,
        .message =
            fmt::format("'{}' is {}; expected {}", field, known ? name_of(kind) : "of no format that is known here",
                        expected == Family::unknown ? "an image, sound, video or text" : name_of(expected)),
        .hint = hint,
        .field = field});
}

Result<void> check_label(std::string_view label, Kind kind, const std::string& field) {
    auto said = lower(label.substr(0, label.find(';')));
    while (said.ends_with(' ')) said.pop_back();
    if (said.empty() || said.ends_with("/*") || said.ends_with("/octet-stream")) return {};
    const auto word = " " + said + " ";
    if (facts_of(kind).labels.contains(word)) return {};
    // A label that nobody knows: it says at most which family this is.
    const bool known = std::ranges::any_of(table, [&](const Facts& facts) { return facts.labels.contains(word); });
    const auto slash = said.find('/');
    const auto family = std::string_view(said).substr(0, slash);
    const auto own = mime_type(kind);
    if (!known && (slash == std::string::npos || family == "application" || own.starts_with(family))) return {};
    if (!known && family == "audio" && family_of(kind) == Family::video) return {};  // there may be sound alone in it
    if (kind == Kind::text && family == "text") return {};
    return fail_field(field, fmt::format("'{}' says {}, but its bytes are {}", field, protocols::excerpt(said, 60),
                                         kind == Kind::unknown ? "of no format that is known here" : name_of(kind)));
}

}  // namespace sarai::media
