#include "cli/manual.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <iterator>

#include "config/keys.hpp"

namespace sarai::cli {
namespace {

// What scdoc would take for marks of its own.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (std::string_view("\\*_<#[|").contains(c)) out += '\\';
        out += c;
    }
    return out;
}

std::string value_of(const CLI::Option& option) {
    return option.get_items_expected_max() > 0 ? fmt::format(" _{}_", escaped(option.get_type_name())) : "";
}

// "*-o*, *--output* _FILE_".
std::string names_of(const CLI::Option& option) {
    if (option.get_positional()) return fmt::format("_{}_", escaped(option.get_name(true)));
    std::string names;
    for (const auto& name : option.get_snames()) names += fmt::format("*-{}*, ", name);
    for (const auto& name : option.get_lnames()) names += fmt::format("*--{}*, ", name);
    names.resize(names.size() - 2);
    return names + value_of(option);
}

// "sarai fit [FILES...] [options]".
std::string usage_of(const CLI::App& command, std::string_view name) {
    std::string usage = fmt::format("*sarai{}*", name);
    bool has_options = false;
    for (const auto* option : command.get_options()) {
        if (!option->get_positional()) {
            has_options = true;
            continue;
        }
        const auto many = option->get_items_expected_max() > 1 ? "..." : "";
        const auto word = fmt::format("_{}_{}", escaped(option->get_name(true)), many);
        usage += option->get_required() ? " " + word : fmt::format(" \\[{}\\]", word);
    }
    return usage + (has_options ? " \\[_options_\\]" : "");
}

// Examples are lines of two blanks and a command, below a heading.
std::string examples_of(const CLI::App& command) {
    const auto footer = command.get_footer();
    std::string_view text = footer;
    if (const auto heading = text.find('\n'); heading != std::string_view::npos) text.remove_prefix(heading + 1);
    while (text.ends_with('\n')) text.remove_suffix(1);
    return text.empty() ? "" : fmt::format("```\n{}\n```\n\n", text);
}

void add_commands(const CLI::App& app, const std::string& name, std::string& text) {
    const auto children = app.get_subcommands([](const CLI::App* child) { return !child->get_group().empty(); });
    for (const auto* child : children) add_commands(*child, name + " " + child->get_name(), text);
    if (!children.empty()) return;
    auto out = std::back_inserter(text);
    fmt::format_to(out, "## {}\n\n{}\n\n{}.\n\n", name.substr(1), usage_of(app, name), escaped(app.get_description()));
    for (const auto* option : app.get_options()) {
        if (option->check_lname("help")) continue;
        fmt::format_to(out, "{}\n\t{}\n\n", names_of(*option), escaped(option->get_description()));
    }
    text += examples_of(app);
}

bool holds_keys(config::Type type) {
    return type == config::Type::section || type == config::Type::named || type == config::Type::section_list;
}

}  // namespace

std::string commands_manual(const CLI::App& app) {
    std::string text;
    add_commands(app, "", text);
    return text;
}

std::string keys_manual() {
    std::string text;
    auto out = std::back_inserter(text);
    for (const auto& key : config::keys()) {
        fmt::format_to(out, "*{}*\n\t{}", escaped(key.path), escaped(key.description));
        if (!holds_keys(key.type)) {
            fmt::format_to(out, " Expected: {}.", escaped(config::expected_of(key)));
            if (!key.fallback.empty()) fmt::format_to(out, " Default: {}.", escaped(key.fallback));
            if (const auto variables = config::environment_of(key); !variables.empty())
                fmt::format_to(out, " Environment: {}.", escaped(fmt::format("{}", fmt::join(variables, ", "))));
        }
        text += "\n\n";
    }
    return text;
}

}  // namespace sarai::cli
