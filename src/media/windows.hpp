// Where a recording is cut, so that a model that hears half a minute at once hears all of it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::media {

struct Window {
    std::size_t begin = 0, end = 0;  // samples; none is empty
    bool operator==(const Window&) const = default;
};

// `samples` are 16 bits, little-endian, one channel, `rate` a second. Each window is at most `longest` seconds and ends
// at the quietest tenth of a second within its last `search` seconds, so that no word is cut. All of them together are
// the whole recording.
[[nodiscard]] std::vector<Window> cut_at_quiet(std::string_view samples, int rate, double longest = 30,
                                               double search = 6);

// A WAV file of such samples.
[[nodiscard]] std::string wav_of(std::string_view samples, int rate);

}  // namespace sarai::media
