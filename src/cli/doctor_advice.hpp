// What a configuration that is valid might rather say, with the line to write. Pure.
//
// Advice is given only where what is written has a consequence that its author may not have seen; what somebody has
// chosen explicitly is not argued with.
#pragma once

#include <string>
#include <vector>

#include "cli/doctor_view.hpp"
#include "config/config.hpp"
#include "config/yaml_tree.hpp"

namespace sarai::cli {

// A configuration, and what the file says.
struct Written {
    const config::Config& config;
    const config::Node& file;

    // "FILE:LINE" of the deepest of `keys` that stands in the file; the file alone where none does.
    [[nodiscard]] std::string place(std::initializer_list<std::string_view> keys) const;
    [[nodiscard]] bool says(std::initializer_list<std::string_view> keys) const;
};

// `plan` may be null: then nothing is said about memory.
[[nodiscard]] std::vector<Check> advise(const Written& written, const PlanReport* plan);

}  // namespace sarai::cli
