// A WAV file's header (RIFF): what the sound in it is. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::media {

struct WavHeader {
    std::uint32_t channels = 0;
    std::uint32_t rate = 0;  // samples a second, of each channel
    std::uint32_t bits = 0;  // of a sample
    bool pcm = false;        // whole numbers; else floating point, or packed in some way
    double seconds = 0;      // of the samples that are there: a stream's header says 0 or 4 GB
    std::size_t data = 0;    // where they begin
};

// `bytes` may be the beginning alone, with the header, of a file of `whole` bytes. Errors, with `field`:
// invalid_argument for one without sound, cut off in its header, or with absurd figures.
[[nodiscard]] Result<WavHeader> read_wav_header(std::string_view bytes, const std::string& field,
                                                std::size_t whole = 0);

}  // namespace sarai::media
