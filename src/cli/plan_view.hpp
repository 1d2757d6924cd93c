// `sarai plan` as people and scripts read it: scenarios side by side, each with its table, verdicts and picture. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/io.hpp"
#include "config/config.hpp"
#include "memory/scenario.hpp"

namespace sarai::cli {

struct PlanReport {
    std::vector<memory::ScenarioModel> models;
    std::vector<std::string> backends;  // by model: gguf_native, ollama_http, openai_http; the first of its chain
    memory::Limits limits;
    std::vector<memory::Scenario> scenarios;  // those that were asked for
    std::optional<memory::Scenario> native;   // absent: there is nothing to compare with
    config::Estimates estimates;

    [[nodiscard]] bool failed() const;  // some file cannot be planned
};

// The plan as configured, beside one of `--what-if`. Scenarios in both are the same, in the same order.
struct Comparison {
    std::vector<std::string> changes;
    PlanReport before;
};

struct Screen {
    int width = 120;
    bool unicode = true;
    Style style;
};

[[nodiscard]] std::string plan_text(const PlanReport& plan, const std::optional<Comparison>& what_if,
                                    const Screen& screen);

// {models: [{name, backend, total_bytes, lines: [{what, bytes}]}], fallbacks, total_bytes, own_bytes, budget_bytes,
// machine_bytes, fits, scenarios: [{name, lost, models: [{name, role, total_bytes, lines}], displaced, total_bytes,
// needed_bytes, fits, fits_machine, at_once, missing_bytes, saving_bytes, estimate_bytes}], what_if}. total_bytes is of
// the models, needed_bytes with sarai itself. `models`, `total_bytes` and `fits` at the top are those of the
// configuration.
[[nodiscard]] std::string plan_json(const PlanReport& plan, const std::optional<Comparison>& what_if);

// 0; 1 where a file cannot be planned; that of Code::no_memory where the configured scenario (without it: the first
// that was asked for, unless it is degraded) does not fit, with `strict` also where a degraded one does not.
[[nodiscard]] int plan_status(const PlanReport& plan, bool strict);

}  // namespace sarai::cli
