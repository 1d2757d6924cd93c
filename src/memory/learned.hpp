// What earlier loads of a model have shown, and how an observation adds to it. Pure values: the history keeps them
// between runs, the pool makes the observations.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace sarai::memory {

// A speed as tokens over the time that they took, so that long answers weigh more than short ones.
struct Speed {
    double tokens = 0;
    double seconds = 0;

    [[nodiscard]] double per_second() const { return seconds > 0 ? tokens / seconds : 0; }
    Speed& operator+=(const Speed& other);
    bool operator==(const Speed&) const = default;
};

// What one worker has shown since it was last reported on. `load_time` is set in one report of each load: that one
// counts the load, so that observations from several processes simply add up.
struct Observation {
    std::string key = {};  // ModelPlan::key of the plan that it was loaded by
    std::optional<std::chrono::milliseconds> load_time = {};
    Bytes peak = {};  // highest PSS of this process so far
    std::int64_t requests = 0;
    Speed prompt = {};
    Speed decode = {};
};

struct Learned {
    std::int64_t loads = 0;
    Bytes peak = {};                        // highest of all loads
    Bytes last_peak = {};                   // of the latest
    std::chrono::milliseconds load_time{};  // smoothed, newer loads weigh more
    std::int64_t requests = 0;
    Speed prompt = {};
    Speed decode = {};

    bool operator==(const Learned&) const = default;
};

[[nodiscard]] Learned with(Learned learned, const Observation& observation);

}  // namespace sarai::memory
