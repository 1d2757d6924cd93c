// The keys of llama-swap's configuration: which of them sarai has no place for, why, and what does the same. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_tree.hpp"
#include "imports/imported.hpp"

namespace sarai::imports {

struct KeyRow {
    std::string_view key;
    std::string_view why;      // empty: it is taken over
    std::string_view instead;  // may be empty
};
[[nodiscard]] std::span<const KeyRow> file_keys();
[[nodiscard]] std::span<const KeyRow> model_keys();
[[nodiscard]] std::span<const KeyRow> peer_keys();
[[nodiscard]] std::span<const KeyRow> timeout_keys();  // of models and peers

// A loss for each key of `section` that the table has no place for, or does not have at all. What says nothing (false,
// 0, "", an empty list) is none. `path`: of the section; empty: the file.
void lose_keys(std::vector<Loss>& into, const config::Node& section, std::string_view path,
               std::span<const KeyRow> table);

// Of a map; nothing for others.
[[nodiscard]] const config::Node* child(const config::Node& section, std::string_view key);
[[nodiscard]] std::string text_at(const config::Node& section, std::string_view key);
[[nodiscard]] std::optional<int> number_at(const config::Node& section, std::string_view key);

}  // namespace sarai::imports
