#include "cli/line_editor.hpp"

#include <editline/readline.h>
#include <langinfo.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace sarai::cli {
namespace {

constexpr int kept_lines = 1000;
constexpr char ctrl_c = 3;

bool interrupted = false;  // libedit's callbacks have no context

int interrupt(int /*count*/, int /*key*/) {
    interrupted = true;
    rl_done = 1;
    return 0;
}

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
    // While a line is edited Ctrl-C is a key like any other. As a signal it would reach libedit's handler in the middle
    // of its work on the terminal, after which what was typed ahead was lost now and then.
    rl_parse_and_bind("setty -d intr=");
    rl_add_defun("sarai-interrupt", interrupt, ctrl_c);
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

std::expected<std::string, LineEditor::NoLine> LineEditor::read(const std::string& prompt) {
    interrupted = false;
    rl_done = 0;
    errno = 0;
    const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt.c_str()), &std::free);
    if (interrupted || (!line && errno == EINTR)) return std::unexpected(NoLine::interrupted);
    if (!line) return std::unexpected(NoLine::ended);
    std::string text = line.get();
    const bool blank = std::ranges::all_of(text, [](char c) { return c == ' ' || c == '\t'; });
    if (!blank) add_history(text.c_str());
    return text;
}

}  // namespace sarai::cli
