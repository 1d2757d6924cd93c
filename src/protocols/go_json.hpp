// The parts of Go's standard library that shape Ollama's API: durations and the wording of JSON errors.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <span>
#include <string_view>

#include "base/error.hpp"

namespace sarai::protocols::go {

// "1h30m", "250ms", "-1s"; errors as time.ParseDuration words them.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// "number", "string", "bool", "array", "object": what encoding/json calls them.
[[nodiscard]] std::string_view name_of_kind(const boost::json::value& value);

struct Field {
    std::string_view name;
    std::string_view type;  // "string", "bool", "[]api.Message", "map[string]interface {}"
};

// The first known field whose value is not of its type: "json: cannot unmarshal number into Go struct field
// GenerateRequest.prompt of type string".
[[nodiscard]] Result<void> check_fields(const boost::json::object& object, std::string_view type_name,
                                        std::span<const Field> fields);

}  // namespace sarai::protocols::go
