#include "memory/learned.hpp"

#include <algorithm>

namespace sarai::memory {
namespace {

// A load from the disk takes many times one from the page cache, so a mean of all would be true of none; a third of
// the newest follows a change within a few loads.
constexpr double newest_load = 1.0 / 3;

// Beyond ten minutes of work the old half is let go: a machine that became slower shows within as long again.
constexpr double longest = 600;

}  // namespace

Speed& Speed::operator+=(const Speed& other) {
    if (other.seconds <= 0) return *this;
    if (seconds > longest) {
        tokens /= 2;
        seconds /= 2;
    }
    tokens += other.tokens;
    seconds += other.seconds;
    return *this;
}

Learned with(Learned learned, const Observation& observation) {
    if (observation.load_time) {
        const auto newest = static_cast<double>(observation.load_time->count());
        const auto before = static_cast<double>(learned.load_time.count());
        const auto mean = learned.loads == 0 ? newest : before + (newest - before) * newest_load;
        learned.load_time = std::chrono::milliseconds(static_cast<std::int64_t>(mean));
        ++learned.loads;
    }
    learned.peak = std::max(learned.peak, observation.peak);
    if (observation.peak > Bytes{}) learned.last_peak = observation.peak;
    learned.requests += observation.requests;
    learned.prompt += observation.prompt;
    learned.decode += observation.decode;
    return learned;
}

}  // namespace sarai::memory
