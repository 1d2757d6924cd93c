// `sarai fit` as people and scripts read it: what was chosen and why, and the configuration that says so. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/plan_view.hpp"
#include "config/config.hpp"
#include "memory/fit.hpp"

namespace sarai::cli {

struct FitReport {
    config::Config config;                        // with the chosen settings and the budget in it
    std::vector<std::string> names;               // of the models that were fitted
    std::vector<memory::EngineShape> configured;  // how they ran before, in the same order
    memory::Fit fit;                              // the same order
    Bytes budget;                                 // for sarai and its workers
    Bytes own;                                    // sarai itself
    Bytes machine_budget;                         // what the machine could give: RAM less the reserve
    std::vector<std::string> notes = {};          // what else there is to know

    [[nodiscard]] Bytes needed() const { return fit.total + fit.errors + own; }
};

// Table, picture and reasons.
[[nodiscard]] std::string fit_text(const FitReport& report, const Screen& screen);

// {possible, budget_bytes, own_bytes, total_bytes, pessimistic_bytes, needed_bytes, missing_bytes, models: [{name,
// path, context_length, parallel, kv_cache_type, prompt_cache_bytes, batch, load_mode, total_bytes, lines,
// without_budget, next}], configuration}. Where it is impossible, the models are the least that each can do with.
[[nodiscard]] std::string fit_json(const FitReport& report);

}  // namespace sarai::cli
