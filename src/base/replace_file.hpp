// A file as a whole: whatever goes wrong, what was there stays as it was.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.hpp"

namespace sarai {

// Written beside first, so that a full disk costs nothing. Who may read it stays as it was; a link is followed.
// Errors: io, also where something else than a file stands there.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& file, std::string_view text);

}  // namespace sarai
