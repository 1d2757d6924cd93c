// Programs by the names that people know them by: where a package's launcher has started one with the package's own
// loader (tools/launcher), the launcher's, although the kernel runs the loader.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace sarai::engine {

// The path under which this very program can be started again.
[[nodiscard]] std::filesystem::path own_program();
// What a process runs; empty where there is none or it is not ours to look into.
[[nodiscard]] std::filesystem::path program_of(pid_t pid);
// Its command line, without the words that are the loader's; empty likewise.
[[nodiscard]] std::vector<std::string> command_line_of(pid_t pid);
// {"…/ld-linux.so", "--argv0", "…/bin/sarai", "--library-path", "…/lib", "…/libexec/sarai", "ps"} → {"…/bin/sarai",
// "ps"}.
[[nodiscard]] std::vector<std::string> without_loader(std::vector<std::string> words);

}  // namespace sarai::engine
