// What large requests take of sarai's own memory while they are answered.
#pragma once

#include "base/bytes.hpp"

namespace sarai::gateway {

inline constexpr int copies_of_a_body = 6;
inline constexpr Bytes body_piece = MiB(8);

// Of requests whose bodies are `bodies` large together, beyond what is always sarai's own; in the pieces in which it is
// reserved. Pictures of 9 to 17 MB in JSON took 4.6 to 5.3 times as much: the body, its JSON, the picture's bytes, and
// what the worker is sent. So six times the bodies are counted, less half of sarai's own 32 MiB.
[[nodiscard]] constexpr Bytes memory_of_bodies(Bytes bodies) {
    constexpr Bytes of_the_own = MiB(16);
    const auto beyond = bodies.count * copies_of_a_body - of_the_own.count;
    return beyond <= 0 ? Bytes{} : Bytes{(beyond + body_piece.count - 1) / body_piece.count * body_piece.count};
}

// As much more of a body as pictures and sound, `media` large as models are given them, take beyond that: in workers
// here, which parse and decode them (a picture of 17 MB took 7.4 times as much beyond the worker's plan), and where
// several steps of a pipeline are given them at once (one of 9 MB took 6.4 times as much with one such step, 16 times
// with six).
[[nodiscard]] constexpr Bytes more_for_media(Bytes media, int workers, int steps = 0) {
    const auto copies = 8 * workers + (steps == 0 ? 0 : 1 + 2 * steps);
    return Bytes{media.count * copies / copies_of_a_body};
}

}  // namespace sarai::gateway
