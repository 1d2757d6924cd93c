// The folder that databases are in.
#pragma once

#include <filesystem>
#include <system_error>

namespace sarai::history {

// Folders that are made are the user's alone (mode 0700).
[[nodiscard]] std::error_code make_folder(const std::filesystem::path& folder);

}  // namespace sarai::history
