#include "cli/line_editor.hpp"

#include <editline/readline.h>
#include <langinfo.h>
#include <sys/stat.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace sarai::cli {
namespace {

constexpr int kept_lines = 1000;

}  // namespace

std::filesystem::path history_file(const config::Environment& environment) {
    if (const auto* state = environment.find_filled("XDG_STATE_HOME")) {
        return std::filesystem::path(*state) / "sarai/history";
    }
    if (const auto* home = environment.find_filled("HOME")) {
        return std::filesystem::path(*home) / ".local/state/sarai/history";
    }
    return {};
}

LineEditor::LineEditor(std::filesystem::path history) : history_(std::move(history)) {
    // libedit drops what is no letter in the locale. Models and terminals speak UTF-8 even where no locale is set.
    std::setlocale(LC_CTYPE, "");
    if (std::string_view(::nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
    rl_readline_name = "sarai";
    rl_initialize();
    using_history();
    stifle_history(kept_lines);
    // "!" is common in questions and would call up earlier lines in a shell only.
    history_expansion_char = '\0';
    rl_inhibit_completion = 1;  // a tab is no file name here
    if (!history_.empty()) (void)read_history(history_.c_str());
}

LineEditor::~LineEditor() {
    if (history_.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(history_.parent_path(), ignored);
    const auto mask = ::umask(0077);
    (void)write_history(history_.c_str());
    ::umask(mask);
    ::chmod(history_.c_str(), 0600);
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
    const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt.c_str()), &std::free);
    if (!line) return std::nullopt;
    std::string text = line.get();
    const bool blank = std::ranges::all_of(text, [](char c) { return c == ' ' || c == '\t'; });
    if (!blank) add_history(text.c_str());
    return text;
}

}  // namespace sarai::cli
