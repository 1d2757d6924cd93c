// Configurations as commands use them: found, loaded, and their problems told.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "cli/io.hpp"
#include "config/config.hpp"
#include "config/environment.hpp"

namespace sarai::cli {

// The error's message holds every problem, one a line, each with the file's name.
[[nodiscard]] Result<config::Config> load_config(const std::filesystem::path& file,
                                                 const config::Environment& environment);

// `given`, or else SARAI_CONFIG, ./sarai.yaml, ./config/sarai.yaml, $XDG_CONFIG_HOME/sarai/sarai.yaml: the first that
// exists; a name in SARAI_CONFIG counts even if it does not. Nothing where there is none.
[[nodiscard]] std::optional<std::filesystem::path> find_config(const std::string& given,
                                                               const config::Environment& environment);

// `sarai config check`: problems and status 2, or a line about what the file says.
[[nodiscard]] int check_config(const std::string& file, Io& io);

}  // namespace sarai::cli
