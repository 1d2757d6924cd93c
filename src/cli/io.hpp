// The world around a command: its streams, what they are connected to, and the environment.
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "config/environment.hpp"

namespace sarai::cli {

struct Io {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    config::Environment environment;
    bool in_terminal = false;
    bool in_data = true;  // a pipe or file, which ends; a device such as /dev/null is neither that nor a terminal
    bool out_terminal = false;
    bool err_terminal = false;
    std::function<int()> err_columns = {};  // of that terminal now; 0: unknown
    bool unicode = true;                    // the locale's character set is UTF-8

    [[nodiscard]] static Io of_process();
};

// https://no-color.org: set and not empty means no colours. So does a terminal that calls itself dumb.
[[nodiscard]] bool wants_colour(const Io& io, bool terminal);

// `text` in a style, where the stream that it goes to shows styles.
struct Style {
    bool on = false;
    [[nodiscard]] std::string bold(std::string_view text) const { return wrap("1", text); }
    [[nodiscard]] std::string dim(std::string_view text) const { return wrap("2", text); }
    [[nodiscard]] std::string red(std::string_view text) const { return wrap("31", text); }
    [[nodiscard]] std::string green(std::string_view text) const { return wrap("32", text); }
    [[nodiscard]] std::string yellow(std::string_view text) const { return wrap("33", text); }
    [[nodiscard]] std::string wrap(std::string_view code, std::string_view text) const;
};

// A line of the error stream that the next one takes the place of; only at a terminal. "" wipes it. What is longer than
// the terminal is wide is cut: the rest of a line that was broken would stay.
void show_status(Io& io, std::string_view text);
// How many columns it may have.
[[nodiscard]] std::size_t status_columns(const Io& io);

// "sarai: …" on the error stream.
void print_error(Io& io, std::string_view message);

// The same of an error, for the status that a program ends with.
[[nodiscard]] int fail_with(Io& io, const Error& error);
[[nodiscard]] int fail_with(const Error& error);  // on the process's own

}  // namespace sarai::cli
