// `sarai plan`: what a set of models would take, before anything is loaded.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "cli/cli.hpp"
#include "cli/plan_view.hpp"
#include "config/config.hpp"

namespace sarai::app {

// Returns the exit status.
[[nodiscard]] int run_plan(const cli::PlanOptions& options);

// GGUF files as a configuration: each a local model with its file's name and `context_length` tokens, of the kind that
// the file says, as for `sarai import`. `base` has everything but the models.
[[nodiscard]] config::Config config_of_files(const std::vector<std::filesystem::path>& files, int context_length,
                                             config::Config base);

// Measures every file. `machine` is the RAM to count with.
[[nodiscard]] cli::PlanReport plan_config(const config::Config& config, Bytes machine);

// The same of files that were measured: `measured` are the plans of shapes_in(config), in their order.
[[nodiscard]] std::vector<memory::EngineShape> shapes_in(const config::Config& config);
[[nodiscard]] cli::PlanReport plan_measured(const config::Config& config, Bytes machine,
                                            std::vector<Result<memory::ModelPlan>> measured);

// Leaves those that `sarai plan --scenario` names: native, hybrid, degraded or all.
void choose_scenarios(cli::PlanReport& plan, std::string_view name);

// Standard output as a command sees it, or standard error.
[[nodiscard]] cli::Screen screen_of_process(bool error = false);

}  // namespace sarai::app
