// What of the manual pages is made of tables, in scdoc's notation: commands and keys, as they are. Pure.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sarai::cli {

// The pages of commands, a name a line ("sarai-plan"): of all that are not hidden.
[[nodiscard]] std::string page_names(const CLI::App& app);
// An entry per command, that names its page: for sarai(1).
[[nodiscard]] std::string commands_manual(const CLI::App& app);
// The page of one command, with a section for each of its own commands: sarai-plan(1), sarai-kb(1).
[[nodiscard]] std::string command_manual(const CLI::App& command);
// One of these by its name: "list", "commands", "keys", or a page's ("sarai-plan"). Empty: there is none such.
[[nodiscard]] std::string part_of_manual(const CLI::App& app, const std::string& part);
// An entry per key of the configuration: for sarai.yaml(5).
[[nodiscard]] std::string keys_manual();

}  // namespace sarai::cli
