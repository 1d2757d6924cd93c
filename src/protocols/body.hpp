// Checking a request's body, with errors that name the field, its value and what was expected.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::protocols {

// The JSON object that a body must be; for broken JSON the error tells the position.
[[nodiscard]] Result<boost::json::object> parse_body(std::string_view body);

// "'top_k' is -3; expected an integer of at least 0". nullptr: the field is missing.
[[nodiscard]] std::unexpected<Error> wrong(std::string field, const boost::json::value* value,
                                           std::string_view expected);

enum class FieldKind : std::uint8_t { number, integer, boolean, string, object, objects, strings };

// An optional parameter.
struct FieldRule {
    std::string_view name;
    FieldKind kind;
    unsigned calls = 1;  // bits: those of the protocol's calls that know it
    double min = 0;
    double max = 0;  // for numbers
};
inline constexpr double no_limit = 9007199254740992.0;  // 2^53

// The first field that breaks its rule for `call`. Null counts as absent.
[[nodiscard]] Result<void> check_fields(const boost::json::object& body, std::span<const FieldRule> rules,
                                        unsigned call = 1);

[[nodiscard]] bool all_strings(const boost::json::array& array);

}  // namespace sarai::protocols
