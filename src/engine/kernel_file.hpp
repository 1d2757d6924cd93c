// Small files that the kernel makes as they are read: of cgroups, of processors.
#pragma once

#include <filesystem>
#include <string>

namespace sarai::engine {

// "" where it cannot be read.
[[nodiscard]] std::string read_kernel_file(const std::filesystem::path& path);

}  // namespace sarai::engine
