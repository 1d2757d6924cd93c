#include "config/problem.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace sarai::config {
namespace {

std::string message(const Problem& problem) {
    std::string text;
    if (!problem.path.empty()) text = problem.path + ": ";
    text += problem.value;
    if (!problem.expected.empty()) text += (problem.value.empty() ? "expected " : "; expected ") + problem.expected;
    if (!problem.suggestion.empty()) text += "; did you mean " + problem.suggestion + "?";
    return text;
}

}  // namespace

std::string to_string(const Problem& problem) {
    std::string where;
    if (problem.line > 0) where = fmt::format("line {}", problem.line);
    if (problem.line > 0 && problem.column > 0) where += fmt::format(", column {}", problem.column);
    return where.empty() ? message(problem) : where + ": " + message(problem);
}

std::string report(std::string_view file, std::span<const Problem> problems) {
    std::string text;
    const auto name = printable(file, 4096);
    for (const auto& problem : problems) {
        // What is wrong with the file as a whole begins with its name already.
        if (problem.path != name) text += name;
        if (problem.line > 0) text += fmt::format(":{}", problem.line);
        if (problem.line > 0 && problem.column > 0) text += fmt::format(":{}", problem.column);
        text += (problem.path != name ? ": " : "") + message(problem) + "\n";
    }
    return text;
}

std::string printable(std::string_view text, std::size_t limit) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        if (at >= limit) return out + "…";
        const auto c = static_cast<unsigned char>(text[at]);
        const std::size_t length = utf8_length(text.substr(at));
        // C1 controls (U+0080…U+009F) steer terminals as well.
        const bool c1 = length == 2 && c == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0;
        if (c == '\n') {
            out += "\\n";
            ++at;
        } else if (length == 0 || c < 0x20 || c == 0x7f) {
            out += fmt::format("\\x{:02x}", c);
            ++at;
        } else if (c1) {
            out += fmt::format("\\x{:02x}\\x{:02x}", c, static_cast<unsigned char>(text[at + 1]));
            at += 2;
        } else {
            out += text.substr(at, length);
            at += length;
        }
    }
    return out;
}

std::string in_quotes(std::string_view text) { return "\"" + printable(text) + "\""; }

}  // namespace sarai::config
