// llama-swap's configuration as one of sarai's: models whose command is llama-server run here, others are asked at
// their proxy's address.
//
// Keys as of its published config.example.yaml. Pure.
#pragma once

#include <filesystem>

#include "config/environment.hpp"
#include "config/yaml_tree.hpp"
#include "imports/imported.hpp"

namespace sarai::imports {

// Relative paths of models count from `folder`. Macros of the environment are those of `environment`.
[[nodiscard]] Imported import_llama_swap(const config::Node& root, const std::filesystem::path& folder,
                                         const config::Environment& environment, const Facts& facts);

}  // namespace sarai::imports
