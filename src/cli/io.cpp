#include "cli/io.hpp"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <iostream>

#include "cli/table.hpp"

namespace sarai::cli {
namespace {

// As setlocale() would decide: the first of these that is set counts (POSIX XBD §8.2).
bool has_utf8(const config::Environment& environment) {
    for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const auto* value = environment.find_filled(name);
        if (value == nullptr) continue;
        std::string lower = *value;
        std::ranges::transform(lower, lower.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return lower.contains("utf-8") || lower.contains("utf8");
    }
    return false;
}

}  // namespace

Io Io::of_process() {
    Io io{.in = std::cin, .out = std::cout, .err = std::cerr, .environment = config::Environment::of_process()};
    struct stat about{};
    io.in_data = ::fstat(STDIN_FILENO, &about) == 0 && !S_ISCHR(about.st_mode);
    io.in_terminal = ::isatty(STDIN_FILENO) != 0;
    io.out_terminal = ::isatty(STDOUT_FILENO) != 0;
    io.err_terminal = ::isatty(STDERR_FILENO) != 0;
    io.err_columns = [] {
        winsize size{};
        return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? int{size.ws_col} : 0;
    };
    io.unicode = has_utf8(io.environment);
    return io;
}

bool wants_colour(const Io& io, bool terminal) {
    if (!terminal || io.environment.find_filled("NO_COLOR") != nullptr) return false;
    const auto* term = io.environment.find("TERM");
    return term == nullptr || *term != "dumb";
}

std::string Style::wrap(std::string_view code, std::string_view text) const {
    if (!on) return std::string(text);
    return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

void show_status(Io& io, std::string_view text) {
    if (io.err_terminal) io.err << "\r\033[K" << first_columns(text, status_columns(io)) << std::flush;
}

std::size_t status_columns(const Io& io) {
    constexpr int usual = 80;
    const int columns = io.err_columns ? io.err_columns() : 0;
    // Some terminals go to the next line after the last column.
    return static_cast<std::size_t>((columns > 1 ? columns : usual) - 1);
}

void print_error(Io& io, std::string_view message) {
    io.out.flush();
    const Style style{wants_colour(io, io.err_terminal)};
    io.err << style.red("sarai:") << " " << message << "\n" << std::flush;
}

int fail_with(Io& io, const Error& error) {
    print_error(io, describe(error));
    return exit_status(error.code);
}

int fail_with(const Error& error) {
    auto io = Io::of_process();
    return fail_with(io, error);
}

}  // namespace sarai::cli
