// What `sarai prove` found, and how it is shown: per model, and as a whole beside the estimates of the server's
// configuration. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "config/config.hpp"

namespace sarai::app {

struct ProvedModel {
    std::string name;
    bool embedding = false;  // or scores: no text
    bool rerank = false;
    bool hears = false;  // and writes down what; embedding as well, as it is no chat
    std::string backend = {};
    std::string endpoint = {};
    std::string worker = {};  // the model whose worker answers for it; empty: its own
    bool loaded = false;      // here, when it had answered
    Bytes planned = {};
    Bytes measured = {};
    Bytes peak = {};
    std::chrono::milliseconds load_time{};
    std::chrono::duration<double> first_token{};
    std::chrono::duration<double> seconds{};  // first token → end
    // Since all were asked at once: when a backend took it, as the server tells, and when the last of its answer came.
    std::chrono::duration<double> taken{};
    std::chrono::duration<double> ended{};
    int tokens = 0;  // vectors, scores or segments where it is no chat
    std::string error = {};
};

struct ProofReport {
    std::vector<ProvedModel> models;
    Bytes budget;
    Bytes own;
    Bytes peak_sum;  // highest sum of PSS that was seen while it ran, sarai included
    Bytes machine_available;
    config::Estimates estimates = {};  // somebody's, of this set of models

    [[nodiscard]] bool all_answered() const;
    // Most answers that backends had under way at one moment.
    [[nodiscard]] int most_in_flight() const;
    // There was a moment at which all generative models had theirs: none had waited until another was free. Embeddings
    // are too short to require; those of one worker are one.
    [[nodiscard]] bool simultaneous() const;
    [[nodiscard]] bool within_budget() const { return peak_sum <= budget; }
    [[nodiscard]] bool passed() const { return all_answered() && simultaneous() && within_budget(); }
};

[[nodiscard]] std::string report_table(const ProofReport& report);
[[nodiscard]] std::string report_json(const ProofReport& report);

}  // namespace sarai::app
