// The command lines of espeak-ng and of the ffmpeg that encodes what it says. Pure.
//
// No text is ever among them: it goes by standard input. Both read and write pipes alone.
#pragma once

#include <string>
#include <vector>

#include "protocols/speech.hpp"

namespace sarai::speech {

inline constexpr int espeak_rate = 22'050;  // samples a second, 16 bits, one channel: of all voices that we name

// How a speed is reached: espeak-ng speaks 80 to 450 words a minute, the rest is done to its sound.
struct Pace {
    int words_per_minute = 175;
    double tempo = 1;
};
[[nodiscard]] Pace pace_of(double speed);

[[nodiscard]] std::vector<std::string> espeak_arguments(const std::string& voice, const Pace& pace);
// From espeak-ng's samples to `format`; each part of it leaves as soon as it is made.
[[nodiscard]] std::vector<std::string> encoder_arguments(protocols::speech::Format format, const Pace& pace);

}  // namespace sarai::speech
