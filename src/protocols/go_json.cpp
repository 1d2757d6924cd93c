#include "protocols/go_json.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "protocols/json.hpp"

namespace sarai::protocols::go {
namespace {

struct Unit {
    std::string_view name;
    double nanoseconds;
};

constexpr std::array units{Unit{"ns", 1},  Unit{"us", 1e3}, Unit{"µs", 1e3},  Unit{"ms", 1e6},
                           Unit{"s", 1e9}, Unit{"m", 60e9}, Unit{"h", 3600e9}};

std::unexpected<Error> refuse(std::string message) { return fail_field("keep_alive", std::move(message)); }

bool has_type(const json::value& value, std::string_view type) {
    if (type == "string") return value.is_string();
    if (type == "bool") return value.is_bool();
    if (type.starts_with("[]")) return value.is_array();
    return value.is_object();
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    const auto whole = text;
    const auto invalid = [&] { return refuse(fmt::format("time: invalid duration \"{}\"", excerpt(whole))); };
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    if (text == "0") return std::chrono::nanoseconds(0);
    if (text.empty()) return invalid();
    double total = 0;
    while (!text.empty()) {
        double amount = 0;
        const auto [end, ec] =
            std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
        if (ec != std::errc{} || text.starts_with('-')) return invalid();
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        const auto name = text.substr(0, text.find_first_of("0123456789."));
        if (name.empty()) return refuse(fmt::format("time: missing unit in duration \"{}\"", excerpt(whole)));
        double scale = 0;
        for (const auto& unit : units)
            if (unit.name == name) scale = unit.nanoseconds;
        if (scale == 0)
            return refuse(fmt::format("time: unknown unit \"{}\" in duration \"{}\"", excerpt(name), excerpt(whole)));
        total += amount * scale;
        text.remove_prefix(name.size());
    }
    if (!(total < 9.2e18)) return invalid();  // int64 nanoseconds, as in Go
    return std::chrono::nanoseconds(static_cast<std::int64_t>(negative ? -total : total));
}

std::string_view name_of_kind(const json::value& value) {
    switch (value.kind()) {
        case json::kind::string: return "string";
        case json::kind::bool_: return "bool";
        case json::kind::array: return "array";
        case json::kind::object: return "object";
        case json::kind::null: return "null";
        default: return "number";
    }
}

Result<void> check_fields(const json::object& object, std::string_view type_name, std::span<const Field> fields) {
    for (const auto& field : fields) {
        const auto* value = find(object, field.name);
        if (value == nullptr || has_type(*value, field.type)) continue;
        return fail_field(std::string(field.name),
                          fmt::format("json: cannot unmarshal {} into Go struct field {}.{} of type {}",
                                      name_of_kind(*value), type_name, field.name, field.type));
    }
    return {};
}

}  // namespace sarai::protocols::go
