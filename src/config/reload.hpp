// What a changed configuration file means for a daemon that runs: which models stay as they are, which are new, which
// have to go, and what only a restart can change. Pure.
//
// The daemon's configuration only grows: a model that goes or changes keeps its place, marked as retired, for those who
// still use it, and what takes its place is appended, unless it was there before in the same form. So an index names
// the same model for as long as the daemon runs.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace sarai::config {

struct Reloaded {
    std::vector<std::string> kept;     // unchanged
    std::vector<std::string> changed;  // retired, and there again as a new one
    std::vector<std::string> added;
    std::vector<std::string> removed;
    std::vector<std::string> settings;       // keys outside of models that hold from now on: "memory.max_ram"
    std::vector<std::string> needs_restart;  // keys that changed and were left as they are: "server.listen"
};

// Makes `live` what `fresh` says, as far as that is possible while it runs.
[[nodiscard]] Reloaded reload(Config& live, const Config& fresh);

}  // namespace sarai::config
