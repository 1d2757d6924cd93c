// Whether a model that is to be pulled can ever be loaded here, judged by the size of its file. Pure.
#pragma once

#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::gateway {

struct MemoryLimits {
    Bytes budget;   // for sarai and its workers; 0: unknown
    Bytes own;      // of it, for sarai itself
    Bytes machine;  // the largest budget that this machine allows; 0: unknown
};

// A worker for text takes its file at least: contexts and buffers come on top. A projector counts for nothing, as it is
// loaded only with the first picture or sound. Error: no_memory, with what to change.
[[nodiscard]] Result<void> check_memory(std::string_view model, Bytes file, const MemoryLimits& limits);

}  // namespace sarai::gateway
