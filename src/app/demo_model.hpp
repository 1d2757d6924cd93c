// The demo's own model, which tools/train-demo made: in the program, and as a file for the workers.
#pragma once

#include <filesystem>

#include "base/error.hpp"

namespace sarai::app {

// Writes it to `file`, unless that is what is there. A worker that has an older one open keeps it. Errors: Code::io.
[[nodiscard]] Result<void> write_demo_model(const std::filesystem::path& file);

}  // namespace sarai::app
