#include "app/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/budget.hpp"
#include "app/measure_all.hpp"
#include "app/output_file.hpp"
#include "app/plan.hpp"
#include "cli/configuration_yaml.hpp"
#include "cli/fit_view.hpp"
#include "config/load.hpp"
#include "engine/amx.hpp"
#include "engine/worker_args.hpp"
#include "memory/fit.hpp"
#include "memory/process_memory.hpp"

namespace sarai::app {
namespace {

memory::FitModel fit_model(const config::Model& model) {
    const auto& local = *model.local;
    memory::FitModel result{.name = model.name,
                            .priority = model.priority,
                            .shape = engine::shape_of(local, model.kind),
                            .batch = local.batch,
                            .files = {}};
    if (engine::processor_has_amx()) {
        const auto architecture = engine::architecture_of(local.path).value_or("");
        auto copied = result.shape;
        copied.load_mode = memory::LoadMode::copy;
        result.compact_differs = engine::may_use_amx(copied, architecture);
        result.slots_cost_amx = engine::slots_cost_amx(copied, architecture);
    }
    const int slots = std::max(1, local.parallel);
    const int floor = local.min_context_length > 0 ? local.min_context_length / slots : result.floor;
    result.floor = std::max(1, std::min(floor, local.context_length / slots));
    const auto add = [&](const std::filesystem::path& path) {
        std::error_code ignored;  // measuring says what is wrong with it
        const auto size = std::filesystem::file_size(path, ignored);
        result.files.push_back({.path = path, .size = ignored ? 0 : static_cast<std::int64_t>(size)});
    };
    add(local.path);
    for (const auto& file : local.alternatives) add(file);
    return result;
}

// How long contexts may become; and is every file one that can be planned at all?
Result<void> learn_trained_contexts(const config::Engine& engine, std::vector<memory::FitModel>& models) {
    std::vector<memory::EngineShape> shapes;
    for (const auto& model : models)
        for (const auto& file : model.files) {
            shapes.push_back(model.shape);
            shapes.back().model = file.path;
        }
    const auto plans = measure_all(engine, shapes);
    auto next = plans.begin();
    for (auto& model : models) {
        for (std::size_t i = 0; i < model.files.size(); ++i, ++next) {
            if (!*next) return std::unexpected((*next).error());
            model.trained_context =
                i == 0 ? (*next)->trained_context : std::min(model.trained_context, (*next)->trained_context);
        }
        model.floor = std::min(model.floor, std::max(1, model.trained_context));
    }
    return {};
}

void apply(config::LocalModel& local, const memory::EngineShape& shape) {
    auto files = local.alternatives;
    files.insert(files.begin(), local.path);
    std::erase(files, shape.model);
    local.path = shape.model;
    local.alternatives = std::move(files);
    local.context_length = shape.context_length;
    local.parallel = shape.parallel;
    local.kv_cache_type = shape.kv_cache_type;
    local.prompt_cache = shape.prompt_cache;
    local.load_mode = memory::name_of(shape.load_mode);
    if (!shape.embedding) local.batch = shape.batch;  // else it follows from the context
}

// Names of models that were given as files are those of the files; paths hold wherever the output is put.
config::Config starting_point(const cli::FitOptions& options) {
    auto config = options.config.value_or(config::Config{});
    if (!options.files.empty()) config = config_of_files(options.files, 2048, std::move(config));
    for (auto& model : config.models) {
        if (!model.local) continue;
        if (options.native) model.remote.reset();
        auto& local = *model.local;
        local.path = std::filesystem::absolute(local.path).lexically_normal();
        if (local.mmproj) local.mmproj = std::filesystem::absolute(*local.mmproj).lexically_normal();
        for (auto& file : local.alternatives) file = std::filesystem::absolute(file).lexically_normal();
    }
    return config;
}

std::string commented(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        out += end == at ? "#\n" : fmt::format("# {}\n", text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

// What fills the budget leaves fallbacks no room, unless they may displace something.
std::vector<std::string> lost_fallbacks(const config::Config& config, Bytes machine) {
    std::vector<std::string> notes;
    const bool any = std::ranges::any_of(config.models, [](const auto& model) { return model.remote && model.local; });
    if (!any) return notes;
    const auto plan = plan_config(config, machine);
    for (const auto& scenario : plan.scenarios) {
        const bool tried = std::ranges::contains(scenario.roles, memory::Role::fallback);
        if (!tried || scenario.holds(plan.limits)) continue;
        notes.push_back(fmt::format("{}: the fallback would not fit, see sarai plan --scenario degraded",
                                    title_of(scenario, plan.models)));
    }
    return notes;
}

int print(const cli::FitReport& report, const cli::FitOptions& options) {
    const auto text = cli::fit_text(report, screen_of_process());
    const int status = report.fit.possible ? 0 : exit_status(Code::no_memory);
    const auto yaml = cli::configuration_yaml(report.config);
    if (report.fit.possible) {
        // Servers that were left away, and files in place of the configured models, may be what something else needs.
        const auto config = config::load_text(yaml, "/", config::Environment{});
        if (!config)
            return cli::fail_with({.code = Code::invalid_argument,
                                   .message = "the configuration is not valid with these models:\n" +
                                              config::report("fit", config.error())});
    }
    if (report.fit.possible && options.output) {
        const auto plain = cli::fit_text(report, {.width = 100, .unicode = true, .style = {}});
        const auto written =
            write_output(*options.output, "# Made by sarai fit.\n#\n" + commented(plain) + yaml, options.force);
        if (!written) return cli::fail_with(written.error());
    }
    auto& out = cli::Io::of_process().out;
    if (options.json)
        out << cli::fit_json(report);
    else if (!report.fit.possible || options.output)
        out << text;
    else  // as comments, so that standard output is a configuration
        out << commented(text) << yaml;
    return status;
}

}  // namespace

int run_fit(const cli::FitOptions& options) {
    if (options.output)
        if (const auto may = may_write(*options.output, options.force); !may) return cli::fail_with(may.error());
    auto config = starting_point(options);
    const auto machine = memory::read_machine_memory().total;
    const auto budget = options.budget.value_or(budget_of(config.memory, machine));

    std::vector<memory::FitModel> models;
    std::vector<config::Model*> fitted;
    for (auto& model : config.models) {
        // Fallbacks of servers are not in memory; they stay as they are.
        if (!model.local || model.remote) continue;
        models.push_back(fit_model(model));
        fitted.push_back(&model);
    }
    if (models.empty())
        return cli::fail_with({.code = Code::invalid_argument,
                               .message = "no model runs here",
                               .hint = "With --native those that have both servers and a file do."});
    if (const auto learnt = learn_trained_contexts(config.engine, models); !learnt)
        return cli::fail_with(learnt.error());

    cli::FitReport report{.config = {},
                          .names = {},
                          .configured = {},
                          .fit = {},
                          .budget = budget,
                          .own = own_reserve,
                          .machine_budget = std::max(Bytes{}, machine - config.memory.reserve)};
    for (const auto& model : models) {
        report.names.push_back(model.name);
        report.configured.push_back(model.shape);
    }
    memory::Fitter fitter(std::move(models), budget - own_reserve);
    for (auto shapes = fitter.wanted(); !shapes.empty(); shapes = fitter.wanted()) {
        auto plans = measure_all(config.engine, shapes);
        for (std::size_t i = 0; i < shapes.size(); ++i) fitter.measured(shapes[i], std::move(plans[i]));
    }
    auto fit = fitter.result();
    if (!fit) return cli::fail_with(fit.error());
    report.fit = std::move(*fit);

    int generative = 0;
    for (std::size_t i = 0; i < fitted.size(); ++i) {
        apply(*fitted[i]->local, report.fit.models[i].shape);
        generative += fitted[i]->kind == config::ModelKind::chat ? 1 : 0;
    }
    config.memory.max_ram = budget;
    config.memory.max_concurrent_llms = std::max(config.memory.max_concurrent_llms, generative);
    report.config = std::move(config);
    if (report.fit.possible) report.notes = lost_fallbacks(report.config, machine);
    return print(report, options);
}

}  // namespace sarai::app
