// `sarai import` as people and scripts read it: the configuration with comments, and what has no equivalent. Pure.
#pragma once

#include <string>

#include "cli/io.hpp"
#include "imports/imported.hpp"

namespace sarai::cli {

// `source`: the program and the path that it was made of.
[[nodiscard]] std::string import_yaml(const imports::Imported& imported, const std::string& source);

// "no equivalent:" and a line for each, KEY VALUE: WHY; INSTEAD. Empty where there is none.
[[nodiscard]] std::string losses_text(const imports::Imported& imported, const Style& style);

// {source, models: [names], no_equivalent: [{key, value, why, instead}], configuration: YAML, plan}; `plan` is that of
// plan_json(), null where it is empty.
[[nodiscard]] std::string import_json(const imports::Imported& imported, const std::string& source,
                                      const std::string& yaml, const std::string& plan);

}  // namespace sarai::cli
