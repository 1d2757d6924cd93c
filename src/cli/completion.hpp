// Shell completion scripts, made of the same tree of commands that parses arguments. Pure.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace sarai::cli {

// `shell` is bash, zsh or fish; "" for any other.
[[nodiscard]] std::string completion_script(const CLI::App& commands, std::string_view shell);

}  // namespace sarai::cli
