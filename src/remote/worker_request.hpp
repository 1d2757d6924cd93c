// What a llama-server cannot be given as a client wrote it.
#pragma once

#include <optional>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::remote {

// The request as the worker understands it; nullopt: as it is. The engine takes a tool that must be called only as
// "some tool must be": so it gets that tool alone. Errors: invalid_argument for a tool that is not there, and for
// pictures and sounds that are named by a web address: the worker would fetch whatever its machine can reach.
[[nodiscard]] Result<std::optional<llm::Request>> for_worker(const llm::Request& request);

}  // namespace sarai::remote
