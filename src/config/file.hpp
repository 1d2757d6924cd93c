// Reads a small text file, and says plainly why when it cannot.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "config/problem.hpp"

namespace sarai::config {

// At most 1 MiB. The problem's path is the file.
[[nodiscard]] std::expected<std::string, Problem> read_text(const std::filesystem::path& file);

}  // namespace sarai::config
