// Memory that children take beside the models.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::media {

// Who counts what children take while they run, until the token goes; empty: nobody. Errors: no_memory; busy, where it
// is worth while to ask again.
using SetAside = std::function<Result<std::shared_ptr<void>>(Bytes)>;

// Address space of a child's threads that it never touches (8 MiB of stack each), but which counts as data: VmData was
// at most 58 MiB more than VmHWM. What a child may write to is so much more than what is counted for it.
inline constexpr Bytes untouched_stacks = MiB(64);

}  // namespace sarai::media
