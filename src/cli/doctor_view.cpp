#include "cli/doctor_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/table.hpp"
#include "config/problem.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t least_text = 30;  // columns for sentences, however narrow the terminal

// Names and messages of others go to a terminal: one line, nothing that it would obey.
std::string tame(std::string_view text) { return config::printable(text, 4096); }

// `text` in lines of `width` columns, those after the first indented. Words that are longer stand out.
std::string folded(std::string_view text, std::size_t indent, std::size_t width) {
    std::string out;
    std::size_t used = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        const auto word = text.substr(0, end);
        const auto columns = display_width(word);
        if (used > 0 && used + 1 + columns > width) {
            out += "\n" + std::string(indent, ' ');
            used = 0;
        } else if (used > 0) {
            out += ' ';
            ++used;
        }
        out += word;
        used += columns;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::string shown(CheckState state, const Style& style) {
    switch (state) {
        case CheckState::ok: return style.green("ok  ");
        case CheckState::warn: return style.yellow("warn");
        case CheckState::fail: break;
    }
    return style.red("fail");
}

std::string capitals(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

std::string counted(std::ptrdiff_t n, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", n, n == 1 ? one : many);
}

json::value text_or_null(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

}  // namespace

std::string_view name_of(CheckState state) {
    switch (state) {
        case CheckState::ok: return "ok";
        case CheckState::warn: return "warn";
        case CheckState::fail: break;
    }
    return "fail";
}

std::string doctor_text(std::span<const Check> checks, const Screen& screen) {
    std::size_t widest = 0;
    for (const auto& check : checks) widest = std::max(widest, display_width(tame(check.name)));
    const std::size_t indent = 2 + 4 + 2 + widest + 2;  // "  warn  name  "
    const auto columns = static_cast<std::size_t>(std::max(screen.width, 0));
    const auto width = std::max(least_text, columns > indent ? columns - indent : 0);
    std::string out;
    std::string_view group;
    for (const auto& check : checks) {
        if (check.group != group) {
            group = check.group;
            out += fmt::format("{}{}\n", out.empty() ? "" : "\n", screen.style.bold(capitals(check.group)));
        }
        const auto name = tame(check.name);
        out += fmt::format("  {}  {}{}  {}\n", shown(check.state, screen.style), name,
                           std::string(widest - display_width(name), ' '), folded(tame(check.text), indent, width));
        if (check.advice.empty() && check.place.empty()) continue;
        const auto advice = check.place.empty()    ? tame(check.advice)
                            : check.advice.empty() ? tame(check.place)
                                                   : tame(check.place) + ": " + tame(check.advice);
        out += fmt::format("{}{} {}\n", std::string(indent, ' '), screen.unicode ? "→" : ">",
                           folded(advice, indent + 2, width - 2));
    }
    const auto count = [&](CheckState state) { return std::ranges::count(checks, state, &Check::state); };
    const auto warnings = count(CheckState::warn);
    const auto failures = count(CheckState::fail);
    out += fmt::format("\n{} ok", count(CheckState::ok));
    if (warnings > 0) out += ", " + screen.style.yellow(counted(warnings, "warning", "warnings"));
    if (failures > 0) out += ", " + screen.style.red(counted(failures, "failure", "failures"));
    return out + "\n";
}

std::string doctor_json(std::span<const Check> checks) {
    json::array rows;
    for (const auto& check : checks)
        rows.push_back({{"group", check.group},
                        {"name", check.name},
                        {"state", name_of(check.state)},
                        {"text", check.text},
                        {"advice", text_or_null(check.advice)},
                        {"place", text_or_null(check.place)}});
    return json::serialize(json::object{{"checks", std::move(rows)}, {"ok", doctor_status(checks) == 0}}) + "\n";
}

int doctor_status(std::span<const Check> checks) {
    return std::ranges::contains(checks, CheckState::fail, &Check::state) ? 1 : 0;
}

}  // namespace sarai::cli
