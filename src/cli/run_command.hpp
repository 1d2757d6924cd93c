// What is typed to `sarai run`: commands that begin with a slash, and text over several lines. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::cli {

struct RunCommand {
    enum class Kind : std::uint8_t {
        bye,
        clear,
        help,
        model,  // argument: its name
        image,  // argument: a path, as are those of audio and save; empty: those that wait are dropped
        audio,
        why,
        plan,
        save,
        set_system,       // argument: the text; empty: none any more
        set_temperature,  // number, or none any more
    };
    Kind kind = Kind::help;
    std::string argument = {};
    std::optional<double> number = {};
};

// Nothing: the line is no command but something to say, such as "/etc/fstab is empty. Why?".
// Errors: invalid_argument, for a command that there is not or that lacks something.
[[nodiscard]] Result<std::optional<RunCommand>> parse_run_command(std::string_view line);

[[nodiscard]] std::string_view run_help();

// Without blanks and line ends around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

// Lines that belong together: from """ to """, or as long as one ends in a backslash.
class TypedText {
public:
    // The whole text, if it ends with this line.
    [[nodiscard]] std::optional<std::string> add(std::string_view line);
    // Is there more to come?
    [[nodiscard]] bool open() const { return open_; }
    void forget() { *this = {}; }

private:
    std::string text_;
    bool open_ = false;
    bool quoted_ = false;
};

}  // namespace sarai::cli
