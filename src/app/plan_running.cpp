#include "app/plan_running.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "app/plan.hpp"
#include "cli/plan_view.hpp"
#include "config/what_if.hpp"
#include "memory/process_memory.hpp"

namespace sarai::app {
namespace {

boost::asio::awaitable<cli::PlanReport> plan_one(Measurer& measurer, const config::Config& config, Bytes machine) {
    std::vector<Result<memory::ModelPlan>> measured;
    for (auto& shape : shapes_in(config)) measured.push_back(co_await measurer.measure(shape));
    auto plan = plan_measured(config, machine, std::move(measured));
    choose_scenarios(plan, "all");
    co_return plan;
}

}  // namespace

boost::asio::awaitable<Result<std::string>> plan_running(Measurer& measurer, net::Gate& gate, config::Config config,
                                                         std::string what_if) {
    std::optional<config::WhatIf> changed;
    if (!what_if.empty()) {
        auto applied = config::apply_what_if(config, what_if);
        if (!applied) co_return fail_field("what_if", config::to_string(applied.error()));
        changed = std::move(*applied);
    }
    const auto inside = co_await gate.enter();
    const auto machine = memory::read_machine_memory().total;
    auto plan = co_await plan_one(measurer, config, machine);
    std::optional<cli::Comparison> comparison;
    if (changed) {
        comparison = cli::Comparison{.changes = changed->changes, .before = std::move(plan)};
        plan = co_await plan_one(measurer, changed->config, changed->ram.value_or(machine));
    }
    co_return cli::plan_json(plan, comparison);
}

}  // namespace sarai::app
