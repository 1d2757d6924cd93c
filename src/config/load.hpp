// From a file, its `.env` and the environment to a Config, or to everything that is wrong with them.
//
// Parse (yaml_tree), normalise (read_tree: variables, types, paths; overrides), validate (assemble: rules between
// keys). No step stops at the first problem, and none guesses: a value of the wrong type never becomes the default.
// GGUF files need not exist yet; that is for those who load them.
#pragma once

#include <expected>
#include <filesystem>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/environment.hpp"
#include "config/problem.hpp"

namespace sarai::config {

// Reads `.env` beside the file as well; `env` is stronger. Problems come in the file's order, those of the environment
// after them.
[[nodiscard]] std::expected<Config, std::vector<Problem>> load(const std::filesystem::path& file,
                                                               const Environment& env);

// Touches no file. Relative paths count from `base_folder`.
[[nodiscard]] std::expected<Config, std::vector<Problem>> load_text(std::string_view text,
                                                                    const std::filesystem::path& base_folder,
                                                                    const Environment& env);

}  // namespace sarai::config
