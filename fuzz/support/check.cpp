#include "support/check.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/utf8.hpp"

namespace sarai::fuzz {
namespace {

// What is shown of a text that is wrong: enough to know it again.
constexpr std::size_t most_shown = 400;

[[noreturn]] void end(std::string_view what, std::string_view shown) {
    const auto cut = shown.substr(0, most_shown);
    std::fprintf(stderr, "fuzz: %.*s\n%s%.*s\n", static_cast<int>(what.size()), what.data(), cut.empty() ? "" : "  ",
                 static_cast<int>(cut.size()), cut.data());
    std::abort();
}

}  // namespace

void require(bool holds, std::string_view what) {
    if (!holds) end("does not hold: " + std::string(what), {});
}

void require_utf8(std::string_view text, std::string_view what) {
    if (valid_utf8(text) != text) end(std::string(what) + " is not UTF-8", text);
}

boost::json::value require_json(std::string_view text, std::string_view what) {
    boost::json::parse_options options;
    options.max_depth = 1024;
    boost::system::error_code ec;
    auto value = boost::json::parse(text, ec, {}, options);
    if (ec) end(std::string(what) + " is not JSON: " + ec.message(), text);
    require_utf8(text, what);
    return value;
}

bool same(const boost::json::value& a, const boost::json::value& b) {
    if (a.is_double() && b.is_double())
        return a.get_double() == b.get_double() ||
               std::abs(a.get_double() - b.get_double()) <= 1e-12 * std::abs(a.get_double());
    if (a.is_array() && b.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), same);
    if (!a.is_object() || !b.is_object()) return a == b;
    const auto& other = b.get_object();
    return a.get_object().size() == other.size() && std::ranges::all_of(a.get_object(), [&](const auto& member) {
               const auto* value = other.if_contains(member.key());
               return value != nullptr && same(member.value(), *value);
           });
}

void require_plain(const Error& error, std::string_view what) {
    if (error.code == Code::internal) end(std::string(what) + " has Code::internal", error.message);
    if (error.message.empty()) end(std::string(what) + " has no message", name_of(error.code));
    require_utf8(error.message, what);
    require_utf8(error.hint, what);
    require_utf8(error.field, what);
}

}  // namespace sarai::fuzz
