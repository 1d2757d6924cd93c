// Where a recording is cut, so that a model that hears half a minute at once hears all of it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sarai::media {

// Of `samples` (16 bits, little-endian, one channel, `rate` a second), which follow on the last window and are as long
// as one may be: how many are the next one. All of them where no `more` come; else it ends at the quietest tenth of a
// second within the last `search` seconds, so that no word is cut.
[[nodiscard]] std::size_t cut_at_quiet(std::string_view samples, bool more, int rate, double search = 6);

// Whether nobody can be speaking: no tenth of a second is louder than 60 dB below the loudest that there can be.
[[nodiscard]] bool is_silent(std::string_view samples, int rate);

// A WAV file of such samples.
[[nodiscard]] std::string wav_of(std::string_view samples, int rate);

}  // namespace sarai::media
