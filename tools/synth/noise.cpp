#include "noise.hpp"

#include <algorithm>
#include <cstring>

namespace synth {
namespace {
constexpr std::size_t dictionary_blocks = 4096;
}

std::uint64_t Random::next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

float Random::normal() {
    float sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<float>(next() >> 40) * 0x1p-24F;
    return sum;
}

const std::vector<std::byte>& Noise::blocks(ggml_type type, float deviation) {
    auto [place, fresh] = dictionaries_.try_emplace({type, deviation});
    if (!fresh) return place->second;
    // Unquantised types have blocks of one value; they take runs of 32 so that copying stays cheap.
    const auto values = static_cast<std::int64_t>(std::max<std::int64_t>(ggml_blck_size(type), 32));
    std::vector<float> floats(dictionary_blocks * static_cast<std::size_t>(values));
    Random random(seed_ ^ (static_cast<std::uint64_t>(type) << 32));
    for (float& value : floats) value = deviation * random.normal();
    place->second.resize(dictionary_blocks * ggml_row_size(type, values));
    if (type == GGML_TYPE_F32) {
        std::memcpy(place->second.data(), floats.data(), place->second.size());
    } else {
        ggml_quantize_chunk(type, floats.data(), place->second.data(), 0, dictionary_blocks, values, nullptr);
    }
    return place->second;
}

void Noise::fill(std::span<std::byte> row, ggml_type type, float deviation, Random& random) {
    const auto& dictionary = blocks(type, deviation);
    const std::size_t step = dictionary.size() / dictionary_blocks;
    for (std::size_t at = 0; at < row.size(); at += step) {
        const auto* block = dictionary.data() + random.below(dictionary_blocks) * step;
        std::memcpy(row.data() + at, block, std::min(step, row.size() - at));
    }
}

}  // namespace synth
