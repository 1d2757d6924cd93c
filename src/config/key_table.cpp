#include "config/key_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace sarai::config {
namespace {

bool holds_keys(Type type) { return type == Type::section || type == Type::named || type == Type::section_list; }

std::string code(std::string_view text) { return fmt::format("`{}`", text); }

std::string choices_as_code(std::string_view choices) {
    std::string words;
    for (std::size_t at = 0; at <= choices.size();) {
        const auto end = std::min(choices.find('|', at), choices.size());
        words += (words.empty() ? "" : ", ") + code(choices.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

std::string value_of(const Key& key) {
    switch (key.type) {
        case Type::section: return "keys";
        case Type::named: return "names, each with what is below";
        case Type::section_list: return "list of what is below";
        case Type::boolean: return "`true`, `false`";
        case Type::integer: return fmt::format("{:.0f} to {:.0f}", key.min, key.max);
        case Type::number: return fmt::format("number, {:g} to {:g}", key.min, key.max);
        case Type::size: return "size";
        case Type::size_gib: return "GiB, or size";
        case Type::duration: return "duration";
        case Type::text:
        case Type::prose: return "text";
        case Type::secret: return "text, never printed";
        case Type::choice: return choices_as_code(key.choices);
        case Type::file: return "path";
        case Type::program: return "name or path";
        case Type::listen: return "address and port";
        case Type::url: return "URL";
        case Type::text_list: return "list of texts";
    }
    return {};
}

std::string_view models_of(Scope scope) {
    switch (scope) {
        case Scope::any: return {};
        case Scope::local: return "local";
        case Scope::gguf: return "GGUF";
        case Scope::whisper: return "whisper";
        case Scope::remote: return "remote";
    }
    return {};
}

// A cell ends at "|", and "<" would begin HTML.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|' || c == '<' || c == '*') out += '\\';
        out += c;
    }
    return out;
}

void print_row(std::string& out, const KeyRow& row) {
    auto text = cell(row.description);
    if (!row.models.empty()) text += fmt::format(" For {} models.", row.models);
    if (row.environment.size() > 1) text += " Also " + code(row.environment.back()) + ".";  // an alias
    fmt::format_to(std::back_inserter(out), "| {} | {} | {} | {} |\n", code(row.path), row.value,
                   row.fallback.empty() ? "" : code(row.fallback), text);
}

}  // namespace

std::vector<KeyRow> key_rows() {
    std::vector<KeyRow> rows;
    for (const auto& key : keys())
        rows.push_back({.path = key.path,
                        .description = key.description,
                        .holds_keys = holds_keys(key.type),
                        .expected = expected_of(key),
                        .value = value_of(key),
                        .fallback = key.fallback,
                        .models = models_of(key.scope),
                        .environment = environment_of(key)});
    return rows;
}

std::string key_table() {
    std::string out;
    for (const auto& row : key_rows()) {
        const bool is_inside_of_the_row_above =
            row.holds_keys && (row.path.ends_with(".*") || row.path.ends_with("[]"));
        if (is_inside_of_the_row_above) continue;
        if (!row.path.contains('.')) {
            fmt::format_to(std::back_inserter(out), "{}### {}\n\n", out.empty() ? "" : "\n", code(row.path));
            if (row.holds_keys) out += cell(row.description) + "\n\n";
            out += "| key | value | default | |\n|---|---|---|---|\n";
            if (row.holds_keys) continue;
        }
        print_row(out, row);
    }
    return out;
}

}  // namespace sarai::config
