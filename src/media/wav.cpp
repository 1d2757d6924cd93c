#include "media/wav.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "media/byte_reader.hpp"

namespace sarai::media {
namespace {

constexpr std::uint32_t pcm_format = 1;
constexpr std::uint32_t extensible = 0xFFFE;  // the format stands in a GUID further on
constexpr std::uint32_t not_known = 0x7FFF0000;

std::string_view problem_of(const WavHeader& header) {
    if (header.channels == 0 || header.channels > 16) return "expected 1 to 16 channels";
    if (header.rate < 1000 || header.rate > 384'000) return "expected 1000 to 384000 samples a second";
    if (header.bits == 0 || header.bits > 64) return "expected samples of 1 to 64 bits";
    return {};
}

}  // namespace

Result<WavHeader> read_wav_header(std::string_view bytes, const std::string& field, std::size_t whole) {
    whole = std::max(whole, bytes.size());
    const auto refuse = [&](std::string_view why) {
        return fail_field(field, fmt::format("'{}' is a WAV of {} that cannot be read: {}", field,
                                             to_string(Bytes{static_cast<std::int64_t>(bytes.size())}), why));
    };
    WavHeader header;
    for (std::size_t at = 12;;) {
        const auto size = little(bytes, at + 4, 4);
        if (!size) return refuse("it ends before its sound begins");
        const auto body = at + 8;
        const auto name = bytes.substr(at, 4);
        if (name == "fmt ") {
            const auto format = little(bytes, body, 2);
            const auto channels = little(bytes, body + 2, 2);
            const auto rate = little(bytes, body + 4, 4);
            const auto bits = little(bytes, body + 14, 2);
            if (*size < 16 || !format || !channels || !rate || !bits) return refuse("its header is cut off");
            header.channels = *channels;
            header.rate = *rate;
            header.bits = *bits;
            header.pcm = *format == pcm_format || (*format == extensible && little(bytes, body + 24, 2) == pcm_format);
            if (const auto wrong = problem_of(header); !wrong.empty())
                return refuse(
                    fmt::format("{} channels, {} samples a second of {} bits; {}", *channels, *rate, *bits, wrong));
        } else if (name == "data") {
            if (header.rate == 0) return refuse("its sound comes before its header");
            header.data = body;
            const auto there = whole - body;
            // A recorder that does not know yet writes 0 or (nearly) all that fits into the field.
            const bool unknown = *size == 0 || *size >= not_known;
            if (!unknown && *size > there)
                return refuse(fmt::format("it has {} bytes of sound, and its header says {}", there, *size));
            const auto length = unknown ? there : std::size_t{*size};
            header.seconds = static_cast<double>(length) * 8 / header.bits / header.channels / header.rate;
            if (length == 0) return refuse("it has no sound");
            return header;
        }
        const auto next = body + std::size_t{*size} + (*size & 1U);
        if (next >= bytes.size()) return refuse("it ends before its sound begins");
        at = next;
    }
}

}  // namespace sarai::media
