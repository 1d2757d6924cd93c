// `sarai prove`: all models at once, really. Loads what is configured, asks every model at the same time, and holds the
// measured memory against the limit (MISSION: the proof, and the comparison with estimates).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "config/config.hpp"

namespace sarai::app {

struct ProveOptions {
    std::string url;  // of a running server
    // A server is started for this file where none answers at `url`, on a port that the system chooses, and ended
    // after.
    std::optional<std::filesystem::path> config = {};
    int tokens = 96;  // asked of each generative model
    bool json = false;
};

// Exit status 0 if every model answered, all answers were under way at the same time, and memory stayed in the budget.
[[nodiscard]] int run_prove(const ProveOptions& options);

}  // namespace sarai::app
