// What large requests take of sarai's own memory while they are answered.
#pragma once

#include "base/bytes.hpp"

namespace sarai::gateway {

// Of requests whose bodies are `bodies` large together, beyond what is always sarai's own; in the pieces in which it is
// reserved. A picture of 32 MB in JSON took sarai from 8 to 292 MiB: the body, its JSON, the picture's bytes, and what
// the worker is sent. So seven times the bodies are counted, less half of sarai's own 32 MiB.
inline constexpr Bytes body_piece = MiB(8);
[[nodiscard]] constexpr Bytes memory_of_bodies(Bytes bodies) {
    constexpr int copies = 7;
    constexpr Bytes of_the_own = MiB(16);
    const auto beyond = bodies.count * copies - of_the_own.count;
    return beyond <= 0 ? Bytes{} : Bytes{(beyond + body_piece.count - 1) / body_piece.count * body_piece.count};
}

}  // namespace sarai::gateway
