// Random weights, ready-made: a dictionary of valid quantised blocks for each tensor type, strewn at random.
//
// ggml quantises a few thousand blocks of noise once; a tensor of any size is then copied together from them, which
// runs at memory speed, knows no block layout, and can produce neither NaN nor infinity.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "ggml.h"

namespace synth {

// splitmix64 (Steele, Lea, Flood 2014): the same numbers on every machine, unlike the distributions of <random>.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    float normal();  // mean 0, variance 1, within ±6 (sum of twelve uniforms)

private:
    std::uint64_t state_;
};

class Noise {
public:
    explicit Noise(std::uint64_t seed) : seed_(seed) {}

    // Fills `row` (a whole number of blocks of `type`) with values of standard deviation `deviation`.
    void fill(std::span<std::byte> row, ggml_type type, float deviation, Random& random);

private:
    const std::vector<std::byte>& blocks(ggml_type type, float deviation);

    std::uint64_t seed_;
    std::map<std::pair<ggml_type, float>, std::vector<std::byte>> dictionaries_;
};

}  // namespace synth
