// Lines typed at a terminal, with editing and a history that outlives the program. A wrapper around libedit.
//
// One at a time in a process: libedit's readline interface keeps its state in globals.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "config/environment.hpp"

namespace sarai::cli {

// Where the history is: $XDG_STATE_HOME/sarai/history or ~/.local/state/sarai/history; empty without a home.
[[nodiscard]] std::filesystem::path history_file(const config::Environment& environment);

class LineEditor {
public:
    // Hears what was typed so far, every tenth of a second in which no key comes. False: a signal wants the line ended.
    using OnPause = std::function<bool(std::string_view text)>;

    // Reads the history: a line each, as it was typed; a file that is missing or unreadable is an empty one. Each line
    // is added to it as it is read, readable for its owner alone; of more than two thousand the last thousand stay.
    explicit LineEditor(std::filesystem::path history);
    ~LineEditor();
    LineEditor(const LineEditor&) = delete;
    LineEditor& operator=(const LineEditor&) = delete;

    // Why there is no line.
    enum class NoLine : std::uint8_t {
        ended,        // end of input
        interrupted,  // Ctrl-C, or a signal, with something typed
        left,         // the same with nothing typed
    };
    // What was pasted is one line, with line ends in it, and no key of it does anything.
    [[nodiscard]] std::expected<std::string, NoLine> read(const std::string& prompt, const OnPause& on_pause = {});

private:
    void remember(const std::string& line);

    std::filesystem::path history_;
};

}  // namespace sarai::cli
