#include "protocols/body.hpp"

#include <fmt/format.h>

#include "protocols/json.hpp"

namespace sarai::protocols {
namespace {

std::string expectation(const FieldRule& rule) {
    const auto range = [&](std::string_view what) {
        if (rule.max >= no_limit && rule.min <= -no_limit) return std::string(what);
        if (rule.max >= no_limit) return fmt::format("{} of at least {}", what, rule.min);
        return fmt::format("{} from {} to {}", what, rule.min, rule.max);
    };
    switch (rule.kind) {
        case FieldKind::number: return range("a number");
        case FieldKind::integer: return range("an integer");
        case FieldKind::boolean: return "true or false";
        case FieldKind::string: return "a string";
        case FieldKind::object: return "an object";
        case FieldKind::objects: return "an array of objects";
        case FieldKind::strings: return "an array of strings";
    }
    return {};
}

bool fits(const FieldRule& rule, const json::value& value) {
    switch (rule.kind) {
        case FieldKind::number: {
            const auto number = value.try_to_number<double>();
            return value.is_number() && number && *number >= rule.min && *number <= rule.max;
        }
        case FieldKind::integer: {
            const auto number = integer_of(value);
            return number && static_cast<double>(*number) >= rule.min &&
                   (rule.max >= no_limit || static_cast<double>(*number) <= rule.max);
        }
        case FieldKind::boolean: return value.is_bool();
        case FieldKind::string: return value.is_string();
        case FieldKind::object: return value.is_object();
        case FieldKind::objects:
            if (!value.is_array()) return false;
            for (const auto& element : value.get_array())
                if (!element.is_object()) return false;
            return true;
        case FieldKind::strings: return value.is_array() && all_strings(value.get_array());
    }
    return false;
}

}  // namespace

Result<json::object> parse_body(std::string_view body) {
    if (body.empty()) return fail(Code::invalid_argument, "the request has no body; expected a JSON object");
    if (has_more_values(body)) return fail(Code::too_large, "the body has more than a million JSON values");
    auto value = parse_json(body);
    if (!value)
        return fail(Code::invalid_argument,
                    fmt::format("the body is not valid JSON: {}", describe(value.error(), body)));
    if (!value->is_object())
        return fail(Code::invalid_argument, fmt::format("the body is {}; expected a JSON object", excerpt(*value)));
    return std::move(value->get_object());
}

std::unexpected<Error> wrong(std::string field, const json::value* value, std::string_view expected) {
    auto message = value == nullptr ? fmt::format("'{}' is missing; expected {}", field, expected)
                                    : fmt::format("'{}' is {}; expected {}", field, excerpt(*value), expected);
    return fail_field(std::move(field), std::move(message));
}

Result<void> check_fields(const json::object& body, std::span<const FieldRule> rules, unsigned call) {
    for (const auto& rule : rules) {
        if ((rule.calls & call) == 0) continue;
        if (const auto* given = find(body, rule.name); given != nullptr && !fits(rule, *given))
            return wrong(std::string(rule.name), given, expectation(rule));
    }
    return {};
}

bool all_strings(const json::array& array) {
    for (const auto& element : array)
        if (!element.is_string()) return false;
    return true;
}

}  // namespace sarai::protocols
