// The command lines of ffmpeg and ffprobe, and what they print. Pure.
//
// The format of what they read is told them by its sniffed kind and never left to them: a playlist, a list of files or
// a stream's manifest would otherwise be followed to wherever it points. They may open files and nothing else, and the
// formats that are told have no references to others, or (QuickTime's) are not allowed to follow them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "media/kind.hpp"

namespace sarai::media {

using Arguments = std::vector<std::string>;

// Can it be told to ffmpeg? Not what is no sound or picture, and not SVG.
[[nodiscard]] bool is_convertible(Kind kind);

[[nodiscard]] Arguments probe_arguments(Kind kind, const std::string& input);
struct Probe {
    double seconds = 0;  // 0: the file does not say it
    bool video = false;
    bool audio = false;
    std::uint32_t width = 0, height = 0;  // of the first video
};
// Error: invalid_argument for what is no such file.
[[nodiscard]] Result<Probe> parse_probe(std::string_view printed);

// What a run takes at most, as resident memory, of which 38 MiB are the programs' and libraries' pages, which runs
// share. Measured (ffmpeg 9.0, VmHWM, the arguments below): sound of any format and length 48–51 MiB; of PNG, WebP,
// TIFF, GIF and JPEG of 12 to 50 million pixels 91–264 MiB with 8 bits a channel and 163–452 MiB with 16, which is 8.5
// bytes a pixel; a film's probe 54–125 MiB (1080p to 8K), its frames 85–308 MiB. A film keeps up to 16 pictures of 1.5
// bytes a pixel (H.264).
[[nodiscard]] Bytes memory_of_sound(Kind kind);
[[nodiscard]] Bytes memory_of_probe();
[[nodiscard]] Bytes memory_of_picture(std::int64_t pixels);
[[nodiscard]] Bytes memory_of_frames(std::int64_t pixels);

struct PictureOrder {
    int longest_side = 0;     // larger ones are scaled down to it; 0: they are not
    std::int64_t pixels = 0;  // that it has, as its header says; 0: nobody knows, and it may be as many as allowed
    std::int64_t max_pixels = 0;
    Kind into = Kind::png;  // or jpeg
};
[[nodiscard]] Arguments picture_arguments(Kind kind, const std::string& input, const std::string& output,
                                          const PictureOrder& order);

// 16,000 samples a second, one channel, 16 bits: what speech models hear.
[[nodiscard]] Arguments sound_arguments(Kind kind, const std::string& input, const std::string& output,
                                        std::chrono::seconds most);
inline constexpr int sound_rate = 16'000;

// How often to look at a film.
struct FrameRate {
    int frames = 0;   // at most
    double step = 0;  // seconds from one to the next
};
// So that they are spread over the whole of it: no more than `most`, none sooner after another than 1 / `per_second`.
[[nodiscard]] FrameRate frame_rate(double seconds, int most, double per_second);
// Pictures named by their time in ms: OUTPUT/1500.jpg.
[[nodiscard]] Arguments frame_arguments(Kind kind, const std::string& input, const std::string& folder,
                                        const FrameRate& rate, const PictureOrder& order);
// A film that does not say how long it is, read through without being decoded; and what that printed.
[[nodiscard]] Arguments length_arguments(Kind kind, const std::string& input);
[[nodiscard]] double parse_length(std::string_view printed);

// "1:05.5", "1:02:05.0".
[[nodiscard]] std::string timestamp(std::chrono::milliseconds at);

// What a program complained of, without addresses in its memory, names of our files and control characters.
[[nodiscard]] std::string complaint(std::string_view last_words, std::string_view folder);

}  // namespace sarai::media
