// `sarai run MODEL [PROMPT]`: one answer, or a conversation at a terminal.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "cli/io.hpp"
#include "cli/line_editor.hpp"
#include "cli/server.hpp"

namespace sarai::cli {

struct RunOptions {
    ServerChoice server;
    std::string model;
    std::string prompt;  // empty: from standard input
};

using LineSource = std::function<std::expected<std::string, LineEditor::NoLine>(const std::string& prompt,
                                                                                const LineEditor::OnPause& on_pause)>;

[[nodiscard]] int run_model(const RunOptions& options, Io& io);

// One question, given and piped in joined; the status is that of the answer.
[[nodiscard]] int answer_once(const net::Origin& origin, const RunOptions& options, Io& io);

// Until the end of input or /bye. Ctrl-C (SIGINT) stops an answer, never the program.
[[nodiscard]] int converse(const net::Origin& origin, const std::string& model, const LineSource& read_line, Io& io);

// Model output may hold anything; a terminal must not obey it. Keeps line ends and tabs, drops other control
// characters: C0, DEL, and C1 in UTF-8 even where it is split between two pieces.
class TerminalFilter {
public:
    [[nodiscard]] std::string pass(std::string_view piece);

private:
    bool after_c2_ = false;
};

}  // namespace sarai::cli
