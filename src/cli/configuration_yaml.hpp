// A configuration as the YAML that means it: what `sarai fit` hands over. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace sarai::cli {

// `sarai config check` accepts it, and reading it gives `config` again. Defaults are left out where they say nothing.
// API keys of servers are not written: each becomes a variable, ${SARAI_<MODEL>_API_KEY} or ${SARAI_WEB_API_KEY}.
// `notes` become comments above the models that they are about.
using ModelNotes = std::map<std::string, std::vector<std::string>>;
[[nodiscard]] std::string configuration_yaml(const config::Config& config, const ModelNotes& notes = {});

}  // namespace sarai::cli
