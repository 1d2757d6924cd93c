#include "cli/completion.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <vector>

namespace sarai::cli {
namespace {

struct Flag {
    std::string name;  // "--config"
    std::string about;
    bool takes_value = false;
    bool takes_file = false;
};

struct Place {
    std::string at;  // "" for the top, " config check" below: the words up to here, a blank before each
    std::vector<std::pair<std::string, std::string>> commands;  // name, description
    std::vector<Flag> flags;
    std::vector<std::string> words;  // choices of an argument
    bool takes_files = false;
};

// The first sentence, in one line.
std::string brief(const std::string& text) { return text.substr(0, std::min(text.find(';'), text.find('\n'))); }

void collect(const CLI::App& app, const std::string& at, std::vector<Place>& places) {
    Place place{.at = at};
    for (const auto* option : app.get_options()) {
        const std::string type = option->get_type_name();
        if (option->get_positional()) {
            place.takes_files = place.takes_files || type == "FILE";
            if (!type.contains('|')) continue;
            for (std::string_view rest = type; !rest.empty();) {
                const auto bar = rest.find('|');
                place.words.emplace_back(rest.substr(0, bar));
                rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
            }
            continue;
        }
        for (const auto& name : option->get_lnames()) {
            place.flags.push_back({.name = "--" + name,
                                   .about = brief(option->get_description()),
                                   .takes_value = option->get_items_expected_max() > 0,
                                   .takes_file = type == "FILE"});
        }
    }
    const auto children = app.get_subcommands([](const CLI::App* child) { return !child->get_group().empty(); });
    for (const auto* child : children) place.commands.emplace_back(child->get_name(), brief(child->get_description()));
    places.push_back(std::move(place));
    for (const auto* child : children) collect(*child, at + " " + child->get_name(), places);
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
        text.replace(at, what.size(), with);
    }
    return text;
}

// A word for bash and zsh.
std::string shell_quote(const std::string& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }
std::string fish_quote(const std::string& text) {
    return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

// The lines of a `case` that follow a command line down to its command.
std::string follow(const std::vector<Place>& places) {
    std::string text;
    for (const auto& place : places) {
        if (!place.at.empty()) text += fmt::format("      {0}) at={0} ;;\n", shell_quote(place.at));
    }
    return text;
}

std::string bash(const std::vector<Place>& places) {
    std::string values;
    std::string words;
    for (const auto& place : places) {
        std::string list;
        for (const auto& [name, about] : place.commands) list += " " + name;
        for (const auto& word : place.words) list += " " + word;
        for (const auto& flag : place.flags) {
            list += " " + flag.name;
            if (!flag.takes_value) continue;
            values += fmt::format("    {}) {}return ;;\n", shell_quote(place.at + " " + flag.name),
                                  flag.takes_file ? "_sarai_files; " : "");
        }
        words += fmt::format("    {}) words={}{} ;;\n", shell_quote(place.at), shell_quote(list.substr(1)),
                             place.takes_files ? " files=1" : "");
    }
    return fmt::format(R"(# bash completion of sarai. Load it with: source <(sarai completion bash)
_sarai_files() {{
  compopt -o filenames 2>/dev/null || :
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}}
_sarai() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} at='' words='' files='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at ${{COMP_WORDS[i]}}" in
{}    esac
  done
  case "$at $prev" in
{}  esac
  case "$at" in
{}  esac
  if [[ -n $files && $cur != -* ]]; then _sarai_files; return; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}}
complete -F _sarai sarai
)",
                       follow(places), values, words);
}

// An entry of _describe: "name:description".
std::string described(const std::string& name, const std::string& about) {
    return shell_quote(replaced(name, ":", "\\:") + ":" + about);
}

std::string zsh(const std::vector<Place>& places) {
    std::string values;
    std::string entries;
    for (const auto& place : places) {
        std::string commands;
        std::string flags;
        for (const auto& [name, about] : place.commands) commands += " " + described(name, about);
        for (const auto& word : place.words) commands += " " + shell_quote(word);
        for (const auto& flag : place.flags) {
            flags += " " + described(flag.name, flag.about);
            if (!flag.takes_value) continue;
            values += fmt::format("    {}) {}return ;;\n", shell_quote(place.at + " " + flag.name),
                                  flag.takes_file ? "_files; " : "");
        }
        entries += fmt::format("    {}) commands=({}) flags=({}){} ;;\n", shell_quote(place.at),
                               commands.empty() ? "" : commands.substr(1), flags.empty() ? "" : flags.substr(1),
                               place.takes_files ? " files=1" : "");
    }
    return fmt::format(R"(#compdef sarai
compdef _sarai sarai
_sarai() {{
  local at='' files='' i
  local -a commands flags
  for ((i = 2; i < CURRENT; i++)); do
    case "$at ${{words[i]}}" in
{}    esac
  done
  case "$at ${{words[CURRENT-1]}}" in
{}  esac
  case "$at" in
{}  esac
  if [[ ${{words[CURRENT]}} == -* ]]; then
    _describe -o option flags
  else
    (( $#commands )) && _describe command commands
    [[ -n $files ]] && _files
  fi
}}
# Run as a file on fpath, zsh calls this file itself the first time.
[[ $funcstack[1] == _sarai ]] && _sarai "$@"
)",
                       follow(places), values, entries);
}

std::string fish(const std::vector<Place>& places) {
    std::string text = R"(# fish completion of sarai
function __sarai_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
)";
    for (const auto& place : places) {
        if (!place.at.empty()) {
            text += fmt::format("            case {0}\n                set at {0}\n", fish_quote(place.at));
        }
    }
    text += R"(        end
    end
    test "$at" = "$argv[1]"
end
complete -c sarai -f
)";
    for (const auto& place : places) {
        const auto when = fmt::format("complete -c sarai -n {}", fish_quote("__sarai_at \"" + place.at + "\""));
        for (const auto& [name, about] : place.commands) {
            text += fmt::format("{} -a {} -d {}\n", when, name, fish_quote(about));
        }
        for (const auto& word : place.words) text += fmt::format("{} -a {}\n", when, word);
        for (const auto& flag : place.flags) {
            text += fmt::format("{} -l {}{}{} -d {}\n", when, flag.name.substr(2), flag.takes_value ? " -r" : "",
                                flag.takes_file ? " -F" : "", fish_quote(flag.about));
        }
        if (place.takes_files) text += when + " -F\n";
    }
    return text;
}

}  // namespace

std::string completion_script(const CLI::App& commands, std::string_view shell) {
    std::vector<Place> places;
    collect(commands, "", places);
    if (shell == "bash") return bash(places);
    if (shell == "zsh") return zsh(places);
    if (shell == "fish") return fish(places);
    return {};
}

}  // namespace sarai::cli
