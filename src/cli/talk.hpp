// The conversation of `sarai run` at a terminal: lines in, answers out, commands in between.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include "cli/io.hpp"
#include "cli/line_editor.hpp"
#include "net/http_client.hpp"

namespace sarai::cli {

using LineSource = std::function<std::expected<std::string, LineEditor::NoLine>(const std::string& prompt,
                                                                                const LineEditor::OnPause& on_pause)>;

// Until the end of input, /bye, or Ctrl-C twice at an empty line. Ctrl-C (SIGINT) stops an answer, not the program.
// Returns the exit status.
[[nodiscard]] int converse(const net::Origin& origin, const std::string& model, const LineSource& read_line, Io& io);

}  // namespace sarai::cli
