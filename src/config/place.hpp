// Where a value stands in a configuration file, for advice that names the line to change. Pure.
#pragma once

#include <initializer_list>
#include <string_view>

#include "config/yaml_tree.hpp"

namespace sarai::config {

struct KeyPlace {
    int line = 0;        // 1-based, of the deepest key on the way that the file has; 0: not even the first
    bool whole = false;  // the file has all of them
};

// `keys` from the top: {"models", "qwen2.5", "preload"}. Items of lists go by their number: "0".
[[nodiscard]] KeyPlace find_place(const Node& root, std::initializer_list<std::string_view> keys);

}  // namespace sarai::config
