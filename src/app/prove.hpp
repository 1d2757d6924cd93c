// `sarai prove`: all models at once, really. Loads what is configured, asks every model at the same time, and holds the
// measured memory against the limit (MISSION: the proof, and the comparison with the original estimates).
#pragma once

#include <filesystem>
#include <string>

#include "config/config.hpp"

namespace sarai::app {

struct ProveOptions {
    std::string url;  // of a running server
    int tokens = 96;  // asked of each generative model
    bool json = false;
};

// Exit status 0 if every model answered, all answers were under way at the same time, and memory stayed in the budget.
[[nodiscard]] int run_prove(const ProveOptions& options);

// The same on a server of its own that is started for it, on a port that the system chooses, and ended after it.
[[nodiscard]] int run_prove_with_server(const std::filesystem::path& config_file, ProveOptions options);

}  // namespace sarai::app
