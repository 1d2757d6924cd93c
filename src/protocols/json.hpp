// Reading JSON that others wrote: where it breaks, typed look-ups that treat null as absent, short quotes for messages.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace sarai::protocols {

namespace json = boost::json;

struct JsonProblem {
    std::string what;          // "syntax error", "incomplete JSON"
    std::size_t position = 0;  // bytes before the offending one
    bool incomplete = false;   // the text ended too early
};

// Nesting is limited to 128 levels (a tool's JSON schema needs a few dozen), strings must be UTF-8.
[[nodiscard]] std::expected<json::value, JsonProblem> parse_json(std::string_view text);

// Does a text hold more than `most` values? Each takes 24 bytes and more when parsed, and a request of 64 MiB can hold
// 32 million of them. Counts what begins one outside of strings (commas, brackets, braces), so an empty array counts
// once.
[[nodiscard]] bool has_more_values(std::string_view text, std::size_t most = 1'000'000);

// "syntax error at line 2, column 5 (byte 17)"
[[nodiscard]] std::string describe(const JsonProblem& problem, std::string_view text);

// At most `limit` bytes for use in a message: cut between code points, control characters as blanks, U+FFFD for what is
// not UTF-8, and the whole length where something was cut.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t limit = 120);
[[nodiscard]] std::string excerpt(const json::value& value, std::size_t limit = 60);

// nullptr where the key is absent or null.
[[nodiscard]] const json::value* find(const json::object& object, std::string_view key);
// nullptr where it is not of that type either.
[[nodiscard]] const json::object* object_at(const json::object& object, std::string_view key);
[[nodiscard]] const json::array* array_at(const json::object& object, std::string_view key);
[[nodiscard]] std::string_view string_at(const json::object& object, std::string_view key);
[[nodiscard]] bool true_at(const json::object& object, std::string_view key);
[[nodiscard]] std::optional<std::int64_t> integer_at(const json::object& object, std::string_view key);

// A number of tokens that a server tells, 0 where it does not; of at most 2^53, so that sums do not overflow.
[[nodiscard]] std::int64_t count_at(const json::object& object, std::string_view key);

// Whole numbers, also where they are written as 6.0: JavaScript clients do not tell them apart.
[[nodiscard]] std::optional<std::int64_t> integer_of(const json::value& value);

}  // namespace sarai::protocols
