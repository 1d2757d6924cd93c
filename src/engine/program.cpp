#include "engine/program.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <system_error>

namespace sarai::engine {
namespace fs = std::filesystem;

std::vector<std::string> without_loader(std::vector<std::string> words) {
    constexpr std::size_t of_the_loader = 6;  // see tools/launcher
    if (words.size() < of_the_loader || words[1] != "--argv0" || words[3] != "--library-path") return words;
    if (!fs::path(words[0]).filename().string().starts_with("ld-")) return words;
    words[0] = words[2];
    words.erase(words.begin() + 1, words.begin() + of_the_loader);
    return words;
}

std::vector<std::string> command_line_of(pid_t pid) {
    std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
    return without_loader(std::move(words));
}

fs::path program_of(pid_t pid) {
    std::error_code ignored;
    auto executable = fs::read_symlink(fmt::format("/proc/{}/exe", pid), ignored);
    if (!executable.filename().string().starts_with("ld-")) return executable;
    const auto words = command_line_of(pid);
    return !words.empty() && words[0].starts_with('/') ? fs::path(words[0]) : executable;
}

fs::path own_program() { return program_of(::getpid()); }

}  // namespace sarai::engine
