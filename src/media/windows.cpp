#include "media/windows.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace sarai::media {
namespace {

constexpr std::size_t sample_bytes = 2;

std::int64_t sample_at(std::string_view samples, std::size_t index) {
    const auto low = static_cast<unsigned char>(samples[index * sample_bytes]);
    const auto high = static_cast<unsigned char>(samples[index * sample_bytes + 1]);
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(low | (high << 8U)));
}

std::int64_t energy_of(std::string_view samples, std::size_t begin, std::size_t end) {
    std::int64_t sum = 0;
    for (auto i = begin; i < end; ++i) {
        const auto sample = sample_at(samples, i);
        sum += sample * sample;
    }
    return sum;
}

// The middle of the quietest stretch of `length`; of equals the last one, which makes the fewest windows.
std::size_t quietest(std::string_view samples, std::size_t begin, std::size_t end, std::size_t length) {
    auto best = end;
    auto least = std::numeric_limits<std::int64_t>::max();
    for (auto at = begin; at + length <= end; at += length) {
        const auto energy = energy_of(samples, at, at + length);
        if (energy > least) continue;
        least = energy;
        best = at + length / 2;
    }
    return best;
}

std::size_t length_of(double seconds, int rate) {
    return std::max<std::size_t>(1, static_cast<std::size_t>(seconds * rate));
}

void append_little(std::string& out, std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8U * static_cast<unsigned>(i)) & 0xFFU);
}

}  // namespace

std::size_t cut_at_quiet(std::string_view samples, bool more, int rate, double search) {
    const auto all = samples.size() / sample_bytes;
    if (!more) return all;
    const auto reach = std::min(all / 2, length_of(search, rate));
    return quietest(samples, all - reach, all, length_of(0.1, rate));
}

bool is_silent(std::string_view samples, int rate) {
    constexpr std::int64_t quiet = 33;  // of 32,768: -60 dB
    const auto all = samples.size() / sample_bytes;
    const auto length = length_of(0.1, rate);
    for (std::size_t at = 0; at < all; at += length) {
        const auto end = std::min(all, at + length);
        if (energy_of(samples, at, end) > static_cast<std::int64_t>(end - at) * quiet * quiet) return false;
    }
    return true;
}

std::string wav_of(std::string_view samples, int rate) {
    std::string out = "RIFF";
    append_little(out, 36 + samples.size(), 4);
    out += "WAVEfmt ";
    append_little(out, 16, 4);
    append_little(out, 1, 2);  // whole numbers
    append_little(out, 1, 2);  // one channel
    append_little(out, static_cast<std::size_t>(rate), 4);
    append_little(out, static_cast<std::size_t>(rate) * sample_bytes, 4);
    append_little(out, sample_bytes, 2);
    append_little(out, 8 * sample_bytes, 2);
    out += "data";
    append_little(out, samples.size(), 4);
    out += samples;
    return out;
}

}  // namespace sarai::media
