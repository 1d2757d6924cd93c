// A configuration that `sarai import` or `sarai fit` made, put where --output says.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.hpp"

namespace sarai::app {

// Refuses what exists, unless `force`: for those who would work long before they write.
[[nodiscard]] Result<void> may_write(const std::filesystem::path& file, bool force);

// The same, and writes it as a whole (base/replace_file.hpp).
[[nodiscard]] Result<void> write_output(const std::filesystem::path& file, const std::string& text, bool force);

}  // namespace sarai::app
