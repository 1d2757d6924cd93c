// The table of keys as people read it: the rows that documents and manual pages print. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/keys.hpp"

namespace sarai::config {

// A key in words. Sections and lists of them are rows as well; they take keys instead of a value.
struct KeyRow {
    std::string_view path;  // "models.*.endpoints[].url"
    std::string_view description;
    bool holds_keys = false;
    std::string expected;                  // all that may stand there, as problems tell it
    std::string value;                     // the same in a word or two: "duration"
    std::string_view fallback;             // the default; empty: none
    std::string_view models;               // "local" or "remote", where it means nothing for other models
    std::vector<std::string> environment;  // variables that override it, strongest first
};

[[nodiscard]] std::vector<KeyRow> key_rows();

// In Markdown, a table for each section. docs/configuration.md has it, which tests/unit/config compares.
[[nodiscard]] std::string key_table();

}  // namespace sarai::config
