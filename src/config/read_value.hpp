// One value against its key: of the right type and within its limits, or what is wrong with it. Pure.
#pragma once

#include <expected>

#include "config/draft.hpp"
#include "config/keys.hpp"
#include "config/yaml_tree.hpp"

namespace sarai::config {

// In the environment everything is text, and 1, yes and TRUE are true as well.
enum class Source : std::uint8_t { file, environment };

// `node` has its variables replaced. The problem has no path or line yet.
[[nodiscard]] std::expected<Value, Problem> read_value(const Key& key, const Node& node, Source source);

// "true", "1", "yes", "on" and their opposites, in any case.
[[nodiscard]] std::optional<bool> parse_loose_boolean(std::string_view text);

}  // namespace sarai::config
