// A command line of llama-server as the keys that mean the same. Pure.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "imports/imported.hpp"

namespace sarai::imports {

// Without the lines that begin with #.
[[nodiscard]] std::string without_comments(std::string_view text);

// Words as a shell would split them: quotes, backslashes; lines that begin with # are left out. Nothing is expanded.
[[nodiscard]] std::vector<std::string> split_command(std::string_view text);

// "llama-server", "/opt/llama-server-b1234", "llama-server.exe"
[[nodiscard]] bool is_llama_server(std::string_view program);

struct WorkerCommand {
    config::Model model{.local = config::LocalModel{}};
    bool trained_context = true;  // the context that the model was trained with: none was given, or 0
    std::vector<Loss> losses;
};

// `words` are without the program. Relative paths count from `folder`; losses are named `key` and the flag.
[[nodiscard]] WorkerCommand read_worker_command(const std::vector<std::string>& words,
                                                const std::filesystem::path& folder, std::string_view key);

}  // namespace sarai::imports
