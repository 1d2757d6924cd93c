// For the parts of PoolCore that deal in memory: pool_room.cpp, pool_eviction.cpp, pool_refusals.cpp.
#pragma once

#include <algorithm>

#include "pool/pool_core.hpp"

namespace sarai::pool {

// A plan may be absurd, of a broken file: what no machine has is enough for its refusal, and sums of it do not
// overflow.
[[nodiscard]] inline Needs countable(Needs needs) {
    constexpr Bytes absurd{std::int64_t{1} << 56};
    needs.total = std::min(needs.total, absurd);
    needs.planned = std::min(needs.planned, absurd);
    return needs;
}

// What is free now, what stopping and draining workers will give back, and what of both is promised to the queue.
struct PoolCore::Room {
    Bytes free, coming, promised;
    int places = 0, places_coming = 0, places_promised = 0;

    [[nodiscard]] Bytes available() const { return free + coming - promised; }
    [[nodiscard]] bool holds(Bytes bytes, bool generative) const {
        return bytes <= available() && (!generative || places + places_coming > places_promised);
    }
    [[nodiscard]] bool holds_now(Bytes bytes, bool generative) const {
        return bytes <= free && (!generative || places > 0);
    }
    void promise(Bytes bytes, bool generative) {
        promised += bytes;
        places_promised += generative ? 1 : 0;
    }
    void will_return(Bytes bytes, bool generative) {
        coming += bytes;
        places_coming += generative ? 1 : 0;
    }
    void take(Bytes bytes, bool generative) {
        free -= bytes;
        places -= generative ? 1 : 0;
    }
};

}  // namespace sarai::pool
