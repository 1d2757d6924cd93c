#include "config/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "config/file.hpp"

namespace sarai::config {
namespace {

bool is_name(std::string_view text) {
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
           std::ranges::all_of(text,
                               [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blank = " \t\r";
    const auto start = text.find_first_not_of(blank);
    if (start == std::string_view::npos) return {};
    return text.substr(start, text.find_last_not_of(blank) - start + 1);
}

// What follows a closing quote: nothing, or a comment.
bool is_rest(std::string_view text) {
    text = trim(text);
    return text.empty() || text.starts_with('#');
}

std::optional<std::string> dotenv_value(std::string_view text) {
    if (text.starts_with('\'')) {
        const auto end = text.find('\'', 1);
        if (end == std::string_view::npos || !is_rest(text.substr(end + 1))) return std::nullopt;
        return std::string(text.substr(1, end - 1));
    }
    if (!text.starts_with('"')) {
        const auto comment = std::min(text.find(" #"), text.find("\t#"));
        return text.starts_with('#') ? std::string() : std::string(trim(text.substr(0, comment)));
    }
    std::string value;
    for (std::size_t at = 1; at < text.size(); ++at) {
        if (text[at] == '"') return is_rest(text.substr(at + 1)) ? std::optional(value) : std::nullopt;
        if (text[at] == '\\' && at + 1 < text.size()) {
            ++at;
            value += text[at] == 'n' ? '\n' : text[at] == 't' ? '\t' : text[at];
        } else {
            value += text[at];
        }
    }
    return std::nullopt;
}

}  // namespace

Environment Environment::of_process() {
    Environment environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto equals = text.find('=');
        if (equals == std::string_view::npos || equals == 0) continue;
        environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

const std::string* Environment::find(std::string_view name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : &found->second;
}

const std::string* Environment::find_filled(std::string_view name) const {
    const auto* value = find(name);
    return value == nullptr || value->empty() ? nullptr : value;
}

void Environment::add_missing(const Environment& weaker) {
    variables.insert(weaker.variables.begin(), weaker.variables.end());
}

Environment parse_dotenv(std::string_view text, std::vector<Problem>& problems) {
    Environment environment;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (int number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        auto line = trim(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty() || line.starts_with('#')) continue;
        if (line.starts_with("export ") || line.starts_with("export\t")) line = trim(line.substr(7));
        const auto equals = line.find('=');
        const auto name = trim(line.substr(0, equals));
        // The line is not shown: what is wrong with it may be a torn secret.
        const auto report = [&](std::string_view value, std::string_view expected) {
            problems.push_back({.path = fmt::format(".env line {}", number),
                                .value = std::string(value),
                                .expected = std::string(expected)});
        };
        if (equals == std::string_view::npos || !is_name(name)) {
            report("not a variable", "NAME=value");
            continue;
        }
        const auto value = dotenv_value(trim(line.substr(equals + 1)));
        if (!value) {
            report(fmt::format("the quotes of {} do not close", name), "NAME=\"value\" on one line");
            continue;
        }
        environment.variables.insert_or_assign(std::string(name), *value);
    }
    return environment;
}

Environment read_dotenv(const std::filesystem::path& file, std::vector<Problem>& problems) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return {};
    auto text = read_text(file);
    if (text) return parse_dotenv(*text, problems);
    problems.push_back(std::move(text.error()));
    return {};
}

std::expected<Replaced, std::vector<Problem>> replace_variables(std::string_view text, const Environment& environment,
                                                                std::size_t& budget) {
    Replaced out;
    std::vector<Problem> problems;
    const auto insert = [&](std::string_view value) {
        if (value.size() > budget) {
            problems.push_back(
                {.value = "too long once variables are replaced", .expected = "at most 1024 KiB in all"});
            return;
        }
        budget -= value.size();
        out.text += value;
        out.any = true;
    };
    while (!text.empty()) {
        const auto start = text.find("${");
        if (start == std::string_view::npos) break;
        if (start > 0 && text[start - 1] == '$') {
            out.text += text.substr(0, start - 1);
            out.text += "${";
            text.remove_prefix(start + 2);
            continue;
        }
        out.text += text.substr(0, start);
        const auto end = text.find('}', start);
        const auto inside = text.substr(start + 2, end == std::string_view::npos ? end : end - start - 2);
        const auto colon = inside.find(":-");
        const auto name = inside.substr(0, colon);
        if (end == std::string_view::npos || !is_name(name) || inside.contains("${")) {
            problems.push_back(
                {.value = in_quotes(text.substr(start)), .expected = "${NAME} or ${NAME:-default}", .suggestion = {}});
            break;
        }
        const bool has_default = colon != std::string_view::npos;
        const auto* value =
            has_default || name == "OLLAMA_BASE_URL" ? environment.find_filled(name) : environment.find(name);
        if (value != nullptr) {
            insert(*value);
        } else if (has_default) {
            insert(inside.substr(colon + 2));
        } else if (name == "OLLAMA_BASE_URL") {
            insert(default_ollama_url);
        } else {
            problems.push_back({.value = fmt::format("the variable {} is not set", printable(name)),
                                .expected = fmt::format("it in the environment or in .env, or a default: ${{{}:-…}}",
                                                        printable(name))});
        }
        text.remove_prefix(end + 1);
    }
    out.text += text;
    if (!problems.empty()) return std::unexpected(std::move(problems));
    return out;
}

}  // namespace sarai::config
