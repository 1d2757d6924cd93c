// The models that clients brought, as the configuration would have named them.
#pragma once

#include <filesystem>

#include "config/config.hpp"
#include "library/library.hpp"

namespace sarai::app {

// library.path, else $XDG_DATA_HOME/sarai, else ~/.local/share/sarai.
[[nodiscard]] std::filesystem::path library_folder(const config::Library& library);

// Adds a model for each manifest whose name is not taken: "tiny" for "tiny:latest".
void add_brought(config::Config& config, const library::Library& library);

}  // namespace sarai::app
