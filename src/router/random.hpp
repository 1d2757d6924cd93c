// Random numbers that are the same everywhere for the same seed (splitmix64), as the standard's distributions are not.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

namespace sarai::router {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    float unit() { return static_cast<float>(next() >> 40U) * 0x1p-24F; }  // [0, 1)
    bool chance(float share) { return unit() < share; }
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(next() % end); }
    float normal() {  // Box–Muller
        const float radius = std::sqrt(-2 * std::log(1 - unit()));
        return radius * std::cos(2 * std::numbers::pi_v<float> * unit());
    }
    template <class T>
    void shuffle(std::vector<T>& items) {
        for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
    }

private:
    std::uint64_t state_;
};

}  // namespace sarai::router
