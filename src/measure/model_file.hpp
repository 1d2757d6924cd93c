// A model file before anything is read of it.
#pragma once

#include <filesystem>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::measure {

// Errors: not_found, io, invalid_argument (a folder), corrupt_file (empty).
[[nodiscard]] Result<Bytes> size_of_file(const std::filesystem::path& path);

}  // namespace sarai::measure
