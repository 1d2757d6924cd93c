// The options of Ollama's models ("num_ctx", "temperature", "stop") that are known here, and the types of their values.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sarai::protocols::ollama {

enum class OptionType : std::uint8_t { integer, real, strings };

// nullopt: not known here.
[[nodiscard]] std::optional<OptionType> type_of_option(std::string_view name);

// Known once, and without effect since; accepted where models are made from older descriptions.
[[nodiscard]] bool is_retired_option(std::string_view name);
// About the engine rather than an answer, true or false: kept and shown, without effect here.
[[nodiscard]] bool is_switch(std::string_view name);

// As Go's errors call it: "integer", "float32", "array".
[[nodiscard]] std::string_view name_of(OptionType type);

// Any number will do for either kind, as in Ollama, whose JSON knows floating point alone.
[[nodiscard]] bool fits(OptionType type, const boost::json::value& value);

}  // namespace sarai::protocols::ollama
