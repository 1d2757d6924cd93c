#include "cli/line_editor.hpp"

#include <editline/readline.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.hpp"

namespace sarai::cli {
namespace {

constexpr std::size_t kept_lines = 1000;
constexpr char ctrl_c = 3;

constexpr int pause_ms = 100;

// libedit's callbacks have no context.
bool interrupted = false;
bool was_empty = false;                       // the line, when Ctrl-C was pressed
const LineEditor::OnPause* paused = nullptr;  // of the line being read

bool touched = false;  // has a key come for this line?
bool reading = false;  // has libedit begun to ask for keys?

// Bracketed paste: a terminal that was asked to says where a paste begins and ends, so that its line ends are known
// from the Enter key (xterm, ctlseqs, "Bracketed Paste Mode").
constexpr std::string_view mark_pastes = "\x1b[?2004h";
constexpr std::string_view mark_no_pastes = "\x1b[?2004l";
constexpr std::string_view paste_begins = "\x1b[200~";
constexpr std::string_view paste_ends = "\x1b[201~";
constexpr char escape = 0x1b;
// The bytes of one key come together.
constexpr int same_key_ms = 100;

// libedit edits a single line: in it, and in the history, this stands for a line end.
constexpr std::string_view line_end_sign = "⏎";

std::deque<char> ahead;  // bytes that come before those of the terminal

std::string with_line_ends(std::string text) {
    for (std::size_t at = 0; (at = text.find(line_end_sign, at)) != std::string::npos; ++at)
        text.replace(at, line_end_sign.size(), "\n");
    return text;
}

// What was typed so far.
std::string line_so_far() {
    // Of an empty line rl_copy_text() gives what lies in the memory.
    if (!touched) return "";
    constexpr int all = 1 << 20;  // libedit stops where the line does
    const std::unique_ptr<char, decltype(&std::free)> text(rl_copy_text(0, all), &std::free);
    return text ? text.get() : "";
}

void tell_terminal(std::string_view what) {
    const char* kind = std::getenv("TERM");
    if (kind == nullptr || std::string_view(kind) == "dumb") return;
    std::fwrite(what.data(), 1, what.size(), stdout);
    std::fflush(stdout);
}

int interrupt(int /*count*/, int /*key*/) {
    interrupted = true;
    was_empty = rl_end == 0;
    rl_done = 1;
    return 0;
}

// While a line is edited Ctrl-C is a key like any other. As a signal it would take what was typed ahead with it, and
// reach libedit's handler in the middle of its work on the terminal. (libedit's "setty" does not outlive the beginning
// of a line.) At the line's end libedit gives the terminal back as it was.
void make_a_key_of_ctrl_c(int fd) {
    termios settings{};
    if (::tcgetattr(fd, &settings) != 0) return;
    settings.c_cc[VINTR] = _POSIX_VDISABLE;
    ::tcsetattr(fd, TCSANOW, &settings);
}

// One byte, -1 at the end of input or where the line was ended from outside. Signals alone end nothing: a window that
// changes its size sends one too.
int byte_from(int fd) {
    if (!ahead.empty()) {
        touched = true;
        const auto byte = static_cast<unsigned char>(ahead.front());
        ahead.pop_front();
        return byte;
    }
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    while (true) {
        const int found = ::poll(&ready, 1, pause_ms);
        unsigned char byte = 0;
        // What was there may have gone with a signal, as Ctrl-C sends it before a line is edited.
        const auto got = found > 0 ? ::read(fd, &byte, 1) : -1;
        if (got == 1) {
            touched = true;
            return byte;
        }
        if (got == 0 || (found != 0 && errno != EINTR)) return -1;
        if (paused != nullptr && *paused && !(*paused)(line_so_far())) {
            interrupted = true;
            was_empty = !touched;
            return -1;
        }
    }
}

// After an escape: is the rest of `mark` there? What was read in vain is read again.
bool follows(int fd, std::string_view mark) {
    std::string seen;
    for (const char expected : mark.substr(1)) {
        pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
        const bool there = !ahead.empty() || ::poll(&ready, 1, same_key_ms) > 0;
        const int byte = there ? byte_from(fd) : -1;
        if (byte >= 0) seen += static_cast<char>(byte);
        if (byte != static_cast<unsigned char>(expected)) {
            ahead.insert(ahead.begin(), seen.begin(), seen.end());
            return false;
        }
    }
    return true;
}

// A byte within a second, -1: none. A paste comes in one go, and one whose end was lost on its way is not to swallow
// all keys that follow.
int byte_of_paste(int fd) {
    constexpr int patience_ms = 1000;
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    while (ahead.empty()) {
        const int found = ::poll(&ready, 1, patience_ms);
        if (found > 0) break;
        if (found == 0 || errno != EINTR) return -1;
    }
    return byte_from(fd);
}

// Text without control characters, those of C1 (U+0080 to U+009F) included; line ends are signs, tabs stay.
std::string without_controls(std::string_view text) {
    std::string clean;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        if (text[i] == '\r' && next == '\n') continue;
        if (text[i] == '\r' || text[i] == '\n')
            clean += line_end_sign;
        else if (byte == 0xc2 && next >= 0x80 && next < 0xa0)
            ++i;
        else if (text[i] == '\t' || (byte >= 0x20 && byte != 0x7f))
            clean += text[i];
    }
    return clean;
}

// Into the line as it is, past the keys: no line end sends anything, and nothing else steers, whatever mode libedit is
// in.
void take_paste(int fd) {
    std::string text;
    while (!text.ends_with(paste_ends)) {
        const int byte = byte_of_paste(fd);
        if (byte < 0) break;
        text += static_cast<char>(byte);
    }
    if (text.ends_with(paste_ends)) text.resize(text.size() - paste_ends.size());
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    rl_insert_text(without_controls(valid_utf8(text)).c_str());
    rl_forced_update_display();
}

// A character, -1 like byte_from. In place of libedit's own reader, which waits without end; its event hook would do
// for the waiting, but takes each byte for a character.
int character(FILE* in) {
    const int fd = ::fileno(in);
    if (!std::exchange(reading, true)) make_a_key_of_ctrl_c(fd);
    int first = byte_from(fd);
    while (first == escape && follows(fd, paste_begins)) {
        take_paste(fd);
        first = byte_from(fd);
    }
    if (first < 0x80) return first;
    const auto lead = static_cast<unsigned>(first);
    const unsigned more = lead >= 0xf5 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc2 ? 1 : 0;
    constexpr int replacement = 0xfffd;
    if (more == 0) return replacement;
    unsigned code = lead & (0x3fU >> more);
    for (unsigned i = 0; i < more; ++i) {
        const int next = byte_from(fd);
        if (next < 0) return -1;
        if ((static_cast<unsigned>(next) & 0xc0U) != 0x80U) {  // a key of its own
            ahead.push_front(static_cast<char>(next));
            return replacement;
        }
        code = (code << 6U) | (static_cast<unsigned>(next) & 0x3fU);
    }
    constexpr unsigned highest = 0x10ffff;
    return code > highest ? replacement : static_cast<int>(code);
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
    std::vector<std::string> lines;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
        if (!line.empty()) lines.push_back(std::move(line));
    return lines;
}

// Whoever writes to the old one meanwhile loses a line; whoever reads finds either whole.
void shorten(const std::filesystem::path& file, std::span<const std::string> lines) {
    const auto fresh = file.string() + ".new";
    const auto mask = ::umask(0077);
    std::ofstream out(fresh, std::ios::trunc);
    ::umask(mask);
    for (const auto& line : lines.last(kept_lines)) out << line << "\n";
    out.close();
    std::error_code ignored;
    if (out)
        std::filesystem::rename(fresh, file, ignored);
    else  // a full disk: the long one stays
        std::filesystem::remove(fresh, ignored);
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
    rl_getc_function = character;
    rl_initialize();
    using_history();
    stifle_history(static_cast<int>(kept_lines));
    // "!" is common in questions and would call up earlier lines in a shell only.
    history_expansion_char = '\0';
    rl_inhibit_completion = 1;  // a tab is no file name here
    rl_add_defun("sarai-interrupt", interrupt, ctrl_c);
    // libedit's own format knows no appending: append_history(1) of its 3.1 writes two lines.
    const auto lines = lines_of(history_);
    for (const auto& line : lines) add_history(line.c_str());
    if (lines.size() > 2 * kept_lines) shorten(history_, lines);
    // Also while an answer streams, so that what is pasted then is known for a paste when it is read.
    tell_terminal(mark_pastes);
}

LineEditor::~LineEditor() { tell_terminal(mark_no_pastes); }

// At once, and behind what others have written: who runs in two windows, or loses one, loses no line.
void LineEditor::remember(const std::string& line) {
    add_history(line.c_str());
    if (history_.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(history_.parent_path(), ignored);
    const int file = ::open(history_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    const auto whole = line + "\n";
    (void)!::write(file, whole.data(), whole.size());
    (void)::fchmod(file, 0600);
    ::close(file);
}

std::expected<std::string, LineEditor::NoLine> LineEditor::read(const std::string& prompt, const OnPause& on_pause) {
    interrupted = was_empty = touched = reading = false;
    paused = &on_pause;
    rl_done = 0;
    errno = 0;
    const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt.c_str()), &std::free);
    const bool broke_off = !line && errno == EINTR;
    paused = nullptr;
    if (interrupted && was_empty) return std::unexpected(NoLine::left);
    if (interrupted || broke_off) return std::unexpected(NoLine::interrupted);
    if (!line) return std::unexpected(NoLine::ended);
    std::string text = line.get();
    const bool blank = std::ranges::all_of(text, [](char c) { return c == ' ' || c == '\t'; });
    if (!blank) remember(text);
    return with_line_ends(std::move(text));
}

}  // namespace sarai::cli
