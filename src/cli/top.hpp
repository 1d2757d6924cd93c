// `sarai top`: a server's memory, models and endpoints at a terminal, as they change, with keys that change them.
#pragma once

#include <string>

#include "cli/io.hpp"
#include "cli/server.hpp"

namespace sarai::cli {

struct TopOptions {
    ServerChoice server;
    std::string interval = "1s";
    bool once = false;  // one look as text, also at a terminal
};

// Where either end is no terminal, one look as text. Returns the exit status.
[[nodiscard]] int show_top(const TopOptions& options, Io& io);

}  // namespace sarai::cli
