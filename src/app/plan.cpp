#include "app/plan.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <ostream>

#include "app/budget.hpp"
#include "app/describe.hpp"
#include "app/measure_all.hpp"
#include "config/what_if.hpp"
#include "engine/worker_args.hpp"
#include "gateway/answer.hpp"
#include "imports/imported.hpp"
#include "memory/process_memory.hpp"

namespace sarai::app {
namespace {

memory::ScenarioModel scenario_model(const config::Model& model) {
    memory::ScenarioModel result{.name = model.name,
                                 .generative = model.kind == config::ModelKind::chat,
                                 .local = {},
                                 .on_loss = model.on_loss.fallback,
                                 .may_displace = model.on_loss.may_displace,
                                 .estimate = model.estimated_ram};
    if (model.remote)
        for (const auto& endpoint : model.remote->endpoints)
            result.servers.push_back(fmt::format("{} {}", gateway::backend_name(model.remote->kind), endpoint.url));
    return result;
}

// Those of `all` that were asked for. Where nothing is remote, native is what is configured.
std::vector<memory::Scenario> chosen(std::vector<memory::Scenario> all, std::string_view name) {
    const bool nothing_remote = all.size() == 2;
    std::erase_if(all, [&](const memory::Scenario& scenario) {
        if (name != "all") return name != memory::name_of(scenario.kind);
        return nothing_remote && scenario.kind == memory::ScenarioKind::native;
    });
    return all;
}

}  // namespace

void choose_scenarios(cli::PlanReport& plan, std::string_view name) {
    plan.scenarios = chosen(std::move(plan.scenarios), name);
    if (plan.scenarios.size() == 1 && plan.scenarios.front().kind == memory::ScenarioKind::hybrid) plan.native.reset();
}

std::vector<memory::EngineShape> shapes_in(const config::Config& config) {
    std::vector<memory::EngineShape> shapes;
    for (const auto& model : config.models)
        if (model.local) shapes.push_back(engine::shape_of(*model.local, model.kind));
    return shapes;
}

cli::PlanReport plan_config(const config::Config& config, Bytes machine) {
    return plan_measured(config, machine, measure_all(config.engine, shapes_in(config)));
}

cli::PlanReport plan_measured(const config::Config& config, Bytes machine,
                              std::vector<Result<memory::ModelPlan>> measured) {
    cli::PlanReport plan{.models = {},
                         .backends = {},
                         .limits = {.budget = budget_of(config.memory, machine),
                                    .machine = machine,
                                    .reserve = config.memory.reserve,
                                    .own = own_reserve,
                                    .max_llms = config.memory.max_concurrent_llms},
                         .scenarios = {},
                         .native = {},
                         .estimates = config.estimates};
    auto next = measured.begin();
    for (const auto& model : config.models) {
        plan.models.push_back(scenario_model(model));
        if (model.local) plan.models.back().local = std::move(*next++);
        plan.backends.emplace_back(
            gateway::backend_name(model.remote ? model.remote->kind : config::backend_of(*model.local)));
    }
    plan.scenarios = memory::scenarios_of(plan.models, plan.limits);
    plan.native = plan.scenarios.front();
    return plan;
}

config::Config config_of_files(const std::vector<std::filesystem::path>& files, int context_length,
                               config::Config base) {
    base.models.clear();
    base.estimates = {};
    const auto facts = describe_files(files);
    for (std::size_t i = 0; i < files.size(); ++i) {
        const auto& file = files[i];
        config::Model model{.name = file.filename().string(), .remote = {}, .local = config::LocalModel{}};
        // Two folders may have files of one name.
        if (base.find(model.name) != nullptr) model.name = file.string();
        model.local->path = file;
        model.local->context_length = context_length;
        if (facts[i]) model.kind = imports::model_kind(*facts[i]);  // else measuring says what is wrong with it
        model.local->whisper = model.kind == config::ModelKind::transcription;
        base.models.push_back(std::move(model));
    }
    // Nobody said how many may be loaded, so all of them.
    base.memory.max_concurrent_llms = std::max(base.memory.max_concurrent_llms, static_cast<int>(files.size()));
    return base;
}

cli::Screen screen_of_process(bool error) {
    const auto io = cli::Io::of_process();
    winsize size{};
    const bool known = ::ioctl(error ? STDERR_FILENO : STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return {.width = known ? size.ws_col : 120,
            .unicode = io.unicode,
            .style = cli::Style{cli::wants_colour(io, error ? io.err_terminal : io.out_terminal)}};
}

int run_plan(const cli::PlanOptions& options) {
    auto config = options.config.value_or(config::Config{});
    if (!options.files.empty())
        config = config_of_files(options.files, options.context_length.value_or(2048), std::move(config));
    if (options.context_length)
        for (auto& model : config.models)
            if (model.local) model.local->context_length = *options.context_length;
    const auto machine = memory::read_machine_memory().total;

    std::optional<config::WhatIf> what_if;
    if (!options.what_if.empty()) {
        auto changed = config::apply_what_if(config, options.what_if);
        if (!changed) {
            auto io = cli::Io::of_process();
            cli::print_error(io, config::to_string(changed.error()));
            return exit_status(Code::invalid_argument);
        }
        what_if = std::move(*changed);
    }
    auto plan = plan_config(config, machine);
    choose_scenarios(plan, options.scenario);
    std::optional<cli::Comparison> comparison;
    if (what_if) {
        comparison = cli::Comparison{.changes = what_if->changes, .before = std::move(plan)};
        plan = plan_config(what_if->config, what_if->ram.value_or(machine));
        choose_scenarios(plan, options.scenario);
    }
    cli::Io::of_process().out << (options.json ? cli::plan_json(plan, comparison)
                                               : cli::plan_text(plan, comparison, screen_of_process()));
    return cli::plan_status(plan, options.strict);
}

}  // namespace sarai::app
