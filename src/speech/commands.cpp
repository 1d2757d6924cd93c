#include "speech/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sarai::speech {
namespace {

using protocols::speech::Format;

std::vector<std::string> codec_arguments(Format format) {
    switch (format) {
        case Format::mp3:  // without a header that would be completed at the end: a pipe has no way back
            return {"-ar",         "24000", "-c:a",           "libmp3lame", "-b:a", "64k",
                    "-write_xing", "0",     "-id3v2_version", "0",          "-f",   "mp3"};
        case Format::opus:
            return {"-ar",          "48000", "-c:a",           "libopus", "-b:a", "32k",
                    "-application", "voip",  "-page_duration", "200000",  "-f",   "ogg"};
        case Format::aac: return {"-ar", "24000", "-c:a", "aac", "-b:a", "64k", "-f", "adts"};
        case Format::flac: return {"-ar", "24000", "-c:a", "flac", "-sample_fmt", "s16", "-f", "flac"};
        case Format::wav: return {"-ar", "24000", "-c:a", "pcm_s16le", "-f", "wav"};
        case Format::pcm: break;
    }
    return {"-ar", "24000", "-c:a", "pcm_s16le", "-f", "s16le"};
}

}  // namespace

Pace pace_of(double speed) {
    constexpr double usual = 175;
    const auto words = std::clamp(usual * speed, 80.0, 450.0);
    return {.words_per_minute = static_cast<int>(std::lround(words)), .tempo = usual * speed / words};
}

std::vector<std::string> espeak_arguments(const std::string& voice, const Pace& pace) {
    return {"--stdin", "--stdout", "-b", "1", "-v", voice, "-s", std::to_string(pace.words_per_minute)};
}

std::vector<std::string> encoder_arguments(Format format, const Pace& pace) {
    std::vector<std::string> all{"-nostdin",
                                 "-hide_banner",
                                 "-loglevel",
                                 "error",
                                 "-protocol_whitelist",
                                 "pipe",
                                 "-probesize",
                                 "32",
                                 "-f",
                                 "s16le",
                                 "-ar",
                                 std::to_string(espeak_rate),
                                 "-ac",
                                 "1",
                                 "-i",
                                 "pipe:0",
                                 "-map_metadata",
                                 "-1",
                                 "-fflags",
                                 "+bitexact",
                                 "-threads",
                                 "1"};
    // Within 0.5 to 2, where atempo keeps all samples.
    if (std::abs(pace.tempo - 1) > 1e-6) all.insert(all.end(), {"-af", fmt::format("atempo={:.6f}", pace.tempo)});
    for (auto& argument : codec_arguments(format)) all.push_back(std::move(argument));
    all.insert(all.end(), {"-flush_packets", "1", "pipe:1"});
    return all;
}

}  // namespace sarai::speech
