// `sarai run MODEL [PROMPT]`: one answer, or a conversation at a terminal.
#pragma once

#include <string>

#include "cli/io.hpp"
#include "cli/server.hpp"

namespace sarai::cli {

struct RunOptions {
    ServerChoice server;
    std::string model;
    std::string prompt;  // empty: from standard input
};

[[nodiscard]] int run_model(const RunOptions& options, Io& io);

// One question, given and piped in joined; the status is that of the answer.
[[nodiscard]] int answer_once(const net::Origin& origin, const RunOptions& options, Io& io);

}  // namespace sarai::cli
