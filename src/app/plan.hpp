// `sarai plan`: what a set of models would take, before anything is loaded.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "memory/plan.hpp"

namespace sarai::app {

struct PlannedModel {
    std::string name;
    std::string backend;             // gguf_native, ollama_http, openai_http
    Result<memory::ModelPlan> plan;  // without lines for a remote backend
};

struct SetPlan {
    std::vector<PlannedModel> models;     // as configured: what is in memory while all goes well
    std::vector<PlannedModel> fallbacks;  // local stand-ins of remote models
    Bytes own;                            // sarai itself
    Bytes budget;

    [[nodiscard]] Bytes total() const;        // of `models` that could be planned
    [[nodiscard]] Bytes pessimistic() const;  // the upper end of it, which admission reserves
    [[nodiscard]] bool failed() const;        // some file cannot be planned
    [[nodiscard]] bool fits() const;          // pessimistic + own ≤ budget and nothing failed
};

// Measures every file, several at a time. The machine's memory bounds the budget.
[[nodiscard]] SetPlan plan_config(const config::Config& config);
// Files without a configuration: each a chat model with `context_length` tokens; a file of an embedding architecture is
// planned as one. `config` bounds the budget and says where plans are remembered; its models do not matter.
[[nodiscard]] SetPlan plan_files(const std::vector<std::filesystem::path>& files, int context_length,
                                 const config::Config& config);

// {models: [{name, total_bytes, lines: [{what, bytes}], error_bytes, pessimistic_bytes, learned, cached, …}],
// fallbacks, total_bytes, pessimistic_bytes, own_bytes, budget_bytes, fits}
[[nodiscard]] std::string plan_json(const SetPlan& plan);
[[nodiscard]] std::string plan_table(const SetPlan& plan, int width);

}  // namespace sarai::app
