// The parts of the manual pages that are made of tables, in scdoc's notation: commands and keys, as they are. Pure.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sarai::cli {

// A section per command that does something, with its options and examples: for sarai(1).
[[nodiscard]] std::string commands_manual(const CLI::App& app);
// An entry per key of the configuration: for sarai.yaml(5).
[[nodiscard]] std::string keys_manual();

}  // namespace sarai::cli
