#include "protocols/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "base/utf8.hpp"

namespace sarai::protocols {

std::expected<json::value, JsonProblem> parse_json(std::string_view text) {
    unsigned char scratch[4096];  // most chunks of a stream are parsed without a temporary allocation
    json::parse_options options;
    options.max_depth = 128;
    json::parser parser({}, options, scratch);
    boost::system::error_code ec;
    const auto used = parser.write(text.data(), text.size(), ec);
    if (!ec) return parser.release();
    return std::unexpected(
        JsonProblem{.what = ec.message(), .position = used, .incomplete = ec == json::error::incomplete});
}

bool has_more_values(std::string_view text, std::size_t most) {
    if (text.size() <= most) return false;
    std::size_t begun = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if ((text[at] == ',' || text[at] == '[' || text[at] == '{') && ++begun > most) return true;
        if (text[at] != '"') continue;
        for (++at; at < text.size() && text[at] != '"'; ++at)
            if (text[at] == '\\') ++at;
    }
    return false;
}

std::string describe(const JsonProblem& problem, std::string_view text) {
    const auto before = text.substr(0, problem.position);
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto start = before.rfind('\n');
    const auto column = start == std::string_view::npos ? before.size() + 1 : before.size() - start;
    return fmt::format("{} at line {}, column {} (byte {})", problem.what, line, column, problem.position);
}

std::string excerpt(std::string_view text, std::size_t limit) {
    auto end = std::min(text.size(), limit);
    while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    std::string result(text.substr(0, end));
    for (char& c : result)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    if (end < text.size()) result += fmt::format("… ({} bytes)", text.size());
    return valid_utf8(result);
}

std::string excerpt(const json::value& value, std::size_t limit) { return excerpt(json::serialize(value), limit); }

const json::value* find(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
}

const json::object* object_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

const json::array* array_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_array();
}

std::string_view string_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr || !value->is_string() ? std::string_view{} : std::string_view(value->get_string());
}

bool true_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::optional<std::int64_t> integer_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr ? std::nullopt : integer_of(*value);
}

std::int64_t count_at(const json::object& object, std::string_view key) {
    constexpr std::int64_t most = std::int64_t{1} << 53U;
    return std::clamp(integer_at(object, key).value_or(0), -most, most);
}

std::optional<std::int64_t> integer_of(const json::value& value) {
    if (const auto* number = value.if_double(); number != nullptr) {
        // 2^53: beyond it a double no longer names one integer
        if (std::abs(*number) > 9007199254740992.0 || std::trunc(*number) != *number) return std::nullopt;
        return static_cast<std::int64_t>(*number);
    }
    const auto number = value.try_to_number<std::int64_t>();
    return number ? std::optional(*number) : std::nullopt;
}

}  // namespace sarai::protocols
