// A configuration's own pipelines as the YAML that means them. Pure.
#pragma once

#include <string>

#include "config/config.hpp"

namespace sarai::cli {

// The top-level keys `built_in_pipelines` and `pipelines`; nothing where there is nothing to say. Pipelines that come
// with the program are not written.
[[nodiscard]] std::string pipelines_yaml(const config::Config& config);

}  // namespace sarai::cli
