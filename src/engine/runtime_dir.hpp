// The private folder of this process's sockets, where a path has 107 bytes at most.
#pragma once

#include "engine/private_dir.hpp"

namespace sarai::engine {

// Where it is made: `configured`, unless that is empty, else $XDG_RUNTIME_DIR, else the system's folder for temporary
// files.
[[nodiscard]] std::filesystem::path runtime_parent(const std::filesystem::path& configured);

// Error: invalid_argument where a socket's path in it would be too long.
[[nodiscard]] Result<void> check_runtime_parent(const std::filesystem::path& parent);

// Errors: the same; io.
[[nodiscard]] Result<PrivateDir> make_runtime_dir(const std::filesystem::path& configured);

}  // namespace sarai::engine
