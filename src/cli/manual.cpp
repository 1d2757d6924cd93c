#include "cli/manual.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <cctype>
#include <iterator>
#include <vector>

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

// A footer is a heading, lines of two blanks and a command, and what else there is to say, after an empty line.
struct Footer {
    std::string_view examples;
    std::string_view rest;
};

Footer parts_of(std::string_view footer) {
    if (const auto heading = footer.find('\n'); heading != std::string_view::npos) footer.remove_prefix(heading + 1);
    const auto trimmed = [](std::string_view text) {
        while (text.ends_with('\n')) text.remove_suffix(1);
        return text;
    };
    const auto gap = footer.find("\n\n");
    if (gap == std::string_view::npos) return {.examples = trimmed(footer), .rest = {}};
    return {.examples = trimmed(footer.substr(0, gap)), .rest = trimmed(footer.substr(gap + 2))};
}

std::vector<const CLI::App*> shown_below(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* child) { return !child->get_group().empty(); });
}

std::string options_of(const CLI::App& command) {
    std::string text;
    for (const auto* option : command.get_options())
        if (!option->check_lname("help"))
            text += fmt::format("{}\n\t{}\n\n", names_of(*option), escaped(option->get_description()));
    return text;
}

std::string examples_of(std::string_view examples) {
    return examples.empty() ? "" : fmt::format("```\n{}\n```\n\n", examples);
}

// Of commands that stand on the page of theirs.
void add_sections(const CLI::App& command, const std::string& name, std::string& text) {
    for (const auto* child : shown_below(command)) {
        const auto whole = name + " " + child->get_name();
        // CLI11 gives a child that has none that of its group.
        const auto footer = child->get_footer() == command.get_footer() ? "" : child->get_footer();
        const auto [examples, rest] = parts_of(footer);
        text += fmt::format("## {}\n\n{}\n\n{}.\n\n", whole.substr(1), usage_of(*child, whole),
                            escaped(child->get_description()));
        if (!rest.empty()) text += escaped(rest) + "\n\n";
        text += options_of(*child) + examples_of(examples);
        add_sections(*child, whole, text);
    }
}

// What a line of `whatis` shows: "say what models will take", without an initial that is no name.
std::string in_a_line(std::string text) {
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return escaped(text);
}

bool holds_keys(config::Type type) {
    return type == config::Type::section || type == config::Type::named || type == config::Type::section_list;
}

}  // namespace

std::string page_names(const CLI::App& app) {
    std::string text;
    for (const auto* command : shown_below(app)) text += "sarai-" + command->get_name() + "\n";
    return text;
}

std::string commands_manual(const CLI::App& app) {
    std::string text;
    for (const auto* command : shown_below(app))
        text += fmt::format("*sarai-{}*(1)\n\t{}.\n\n", command->get_name(), escaped(command->get_description()));
    return text;
}

std::string command_manual(const CLI::App& command) {
    const auto name = " " + command.get_name();
    const auto children = shown_below(command);
    const auto footer = command.get_footer();
    const auto [examples, rest] = parts_of(footer);
    auto text = fmt::format("sarai-{0}(1)\n\n# NAME\n\nsarai-{0} - {1}\n\n# SYNOPSIS\n\n", command.get_name(),
                            in_a_line(command.get_description()));
    if (children.empty()) text += usage_of(command, name) + "\n\n";
    for (const auto* child : children) text += usage_of(*child, name + " " + child->get_name()) + "\n\n";
    text += fmt::format("# DESCRIPTION\n\n{}.\n\n", escaped(command.get_description()));
    if (!rest.empty()) text += escaped(rest) + "\n\n";
    if (const auto options = options_of(command); !options.empty()) text += "# OPTIONS\n\n" + options;
    if (!children.empty()) text += "# COMMANDS\n\n";
    add_sections(command, name, text);
    // A group's examples are those of its commands.
    if (children.empty() && !examples.empty()) text += "# EXAMPLES\n\n" + examples_of(examples);
    return text +
           "# SEE ALSO\n\n*sarai*(1), with the exit status and the environment of all commands; *sarai.yaml*(5)\n";
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

std::string part_of_manual(const CLI::App& app, const std::string& part) {
    if (part == "list") return page_names(app);
    if (part == "commands") return commands_manual(app);
    if (part == "keys") return keys_manual();
    for (const auto* command : shown_below(app))
        if ("sarai-" + command->get_name() == part) return command_manual(*command);
    return {};
}

}  // namespace sarai::cli
