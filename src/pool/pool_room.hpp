// For the parts of PoolCore that deal in memory: pool_room.cpp, pool_eviction.cpp, pool_refusals.cpp.
#pragma once

#include "pool/pool_core.hpp"

namespace sarai::pool {

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
