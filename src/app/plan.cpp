#include "app/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <map>

#include "app/budget.hpp"
#include "app/measure.hpp"
#include "engine/worker_args.hpp"
#include "gateway/answer.hpp"
#include "memory/learned_text.hpp"
#include "memory/process_memory.hpp"
#include "net/task_group.hpp"

namespace sarai::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// Measures into `into`, one child per model; they are short and mostly wait for the disk.
void measure_all(Measurer& measurer, std::vector<std::pair<PlannedModel*, memory::EngineShape>> wanted) {
    asio::io_context io;
    net::TaskGroup tasks(io.get_executor());
    const auto one = [&measurer](PlannedModel* into, memory::EngineShape shape) -> asio::awaitable<void> {
        into->plan = co_await measurer.measure(std::move(shape));
    };
    for (auto& [into, shape] : wanted) tasks.spawn("measure", one(into, std::move(shape)));
    io.run();
}

json::object model_json(const PlannedModel& model) {
    json::array lines;
    if (model.plan)
        for (const auto& line : model.plan->lines) lines.push_back({{"what", line.what}, {"bytes", line.bytes.count}});
    json::object result{{"name", model.name},
                        {"backend", model.backend},
                        {"total_bytes", model.plan ? model.plan->total().count : 0},
                        {"lines", lines}};
    if (model.plan && !model.plan->architecture.empty()) result["architecture"] = model.plan->architecture;
    if (model.plan && !model.plan->lines.empty()) {
        memory::add_error_bar(result, *model.plan);
        result["cached"] = model.plan->cached;
    }
    if (!model.plan) result["error"] = describe(model.plan.error());
    return result;
}

json::array models_json(const std::vector<PlannedModel>& models) {
    json::array all;
    for (const auto& model : models) all.push_back(model_json(model));
    return all;
}

std::string bar(Bytes part, Bytes whole, int width) {
    if (whole.count <= 0) return {};
    const double share = static_cast<double>(part.count) / static_cast<double>(whole.count);
    const auto cells = std::clamp(static_cast<int>(std::lround(share * width)), part.count > 0 ? 1 : 0, width);
    std::string text;
    for (int i = 0; i < width; ++i) text += i < cells ? "█" : "░";
    return text;
}

Bytes line_of(const PlannedModel& model, std::string_view what) {
    Bytes sum;
    if (model.plan)
        for (const auto& line : model.plan->lines)
            if (line.what == what) sum += line.bytes;
    return sum;
}

}  // namespace

Bytes SetPlan::total() const {
    Bytes sum;
    for (const auto& model : models)
        if (model.plan) sum += model.plan->total();
    return sum;
}
bool SetPlan::failed() const {
    const auto broken = [](const PlannedModel& model) { return !model.plan.has_value(); };
    return std::ranges::any_of(models, broken) || std::ranges::any_of(fallbacks, broken);
}
Bytes SetPlan::pessimistic() const {
    Bytes sum;
    for (const auto& model : models)
        if (model.plan) sum += model.plan->pessimistic();
    return sum;
}
bool SetPlan::fits() const { return !failed() && pessimistic() + own <= budget; }

SetPlan plan_config(const config::Config& config) {
    SetPlan plan{.models = {},
                 .fallbacks = {},
                 .own = own_reserve,
                 .budget = budget_of(config.memory, memory::read_machine_memory().total)};
    for (const auto& model : config.models) {
        if (model.remote)
            plan.models.push_back(
                {model.name, std::string(gateway::backend_name(model.remote->kind)), memory::ModelPlan{}});
        if (model.local) {
            auto& list = model.remote ? plan.fallbacks : plan.models;
            list.push_back({model.name, "gguf_native", memory::ModelPlan{}});
        }
    }
    std::vector<std::pair<PlannedModel*, memory::EngineShape>> wanted;
    for (auto* list : {&plan.models, &plan.fallbacks})
        for (auto& planned : *list)
            if (planned.backend == "gguf_native") {
                const auto& model = *config.find(planned.name);
                wanted.emplace_back(&planned, engine::shape_of(*model.local, model.kind));
            }
    Measurer measurer(config.engine);
    measure_all(measurer, std::move(wanted));
    return plan;
}

SetPlan plan_files(const std::vector<std::filesystem::path>& files, int context_length, const config::Config& config) {
    SetPlan plan{.models = {},
                 .fallbacks = {},
                 .own = own_reserve,
                 .budget = budget_of(config.memory, memory::read_machine_memory().total)};
    for (const auto& file : files)
        plan.models.push_back({file.filename().string(), "gguf_native", memory::ModelPlan{}});
    std::vector<std::pair<PlannedModel*, memory::EngineShape>> wanted;
    for (std::size_t i = 0; i < files.size(); ++i) {
        const config::LocalModel local{.path = files[i], .mmproj = {}, .context_length = context_length};
        wanted.emplace_back(&plan.models[i], engine::shape_of(local, config::ModelKind::chat));
    }
    Measurer measurer(config.engine);
    measure_all(measurer, wanted);
    // The architecture is known only now; embedding models run with batches as long as their context.
    std::erase_if(wanted, [&](const auto& entry) {
        return !entry.first->plan || !entry.first->plan->architecture.contains("embedding");
    });
    for (auto& [planned, shape] : wanted) {
        const config::LocalModel local{.path = shape.model, .mmproj = {}, .context_length = context_length};
        shape = engine::shape_of(local, config::ModelKind::embedding);
    }
    if (!wanted.empty()) measure_all(measurer, std::move(wanted));
    return plan;
}

std::string plan_json(const SetPlan& plan) {
    return json::serialize(json::object{{"models", models_json(plan.models)},
                                        {"fallbacks", models_json(plan.fallbacks)},
                                        {"total_bytes", plan.total().count},
                                        {"pessimistic_bytes", plan.pessimistic().count},
                                        {"own_bytes", plan.own.count},
                                        {"budget_bytes", plan.budget.count},
                                        {"fits", plan.fits()}});
}

std::string plan_table(const SetPlan& plan, int width) {
    std::string out;
    const auto emit = [&out]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    };
    std::size_t name_width = 14;
    for (const auto* list : {&plan.models, &plan.fallbacks})
        for (const auto& model : *list) name_width = std::max(name_width, model.name.size() + 11);
    const int bar_width = std::clamp(width - static_cast<int>(name_width) - 74, 8, 40);

    emit("{:<{}} {:<12} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "MODEL", name_width, "BACKEND", "WEIGHTS", "KV+STATE",
         "COMPUTE", "OTHER", "TOTAL");
    std::string notes;
    const auto row = [&](const PlannedModel& model, std::string_view note) {
        const auto label = std::string(model.name) + std::string(note);
        if (!model.plan)
            return emit("{:<{}} {:<12} {}\n", label, name_width, model.backend, describe(model.plan.error()));
        const auto weights = line_of(model, "weights") + line_of(model, "weights_mapped") + line_of(model, "mmproj");
        const auto cache = line_of(model, "kv_cache") + line_of(model, "recurrent_state") +
                           line_of(model, "checkpoints") + line_of(model, "prompt_cache");
        const auto compute = line_of(model, "compute") + line_of(model, "output") + line_of(model, "mmproj_compute");
        const auto total = model.plan->total();
        emit("{:<{}} {:<12} {:>10} {:>10} {:>10} {:>10} {:>10} {}\n", label, name_width, model.backend,
             to_string(weights), to_string(cache), to_string(compute), to_string(total - weights - cache - compute),
             to_string(total), bar(total, plan.budget, bar_width));
        if (!model.plan->lines.empty())
            notes += fmt::format("{:<{}} {}\n", label, name_width, memory::error_note(*model.plan));
    };
    for (const auto& model : plan.models) row(model, "");
    emit("{:<{}} {:<12} {:>10} {:>10} {:>10} {:>10} {:>10} {}\n", "sarai itself", name_width, "", "", "", "", "",
         to_string(plan.own), bar(plan.own, plan.budget, bar_width));
    const auto all = plan.pessimistic() + plan.own;  // what is reserved
    emit("{:<{}} {:<12} {:>10} {:>10} {:>10} {:>10} {:>10} {}\n", "total", name_width, "", "", "", "", "",
         to_string(plan.total() + plan.own), bar(plan.total() + plan.own, plan.budget, bar_width));
    if (!notes.empty()) emit("\nHow sure that is; the upper end counts:\n{}", notes);
    emit("\n");
    if (plan.failed())
        emit("Some models could not be planned, see above.\n");
    else if (plan.fits())
        emit("fits: {} of the budget of {}, {} left\n", to_string(all), to_string(plan.budget),
             to_string(plan.budget - all));
    else
        emit("does not fit: {} is {} more than the budget of {}\n", to_string(all), to_string(all - plan.budget),
             to_string(plan.budget));

    if (!plan.fallbacks.empty()) {
        emit("\nIf a remote server is lost, its local fallback would come on top:\n");
        for (const auto& model : plan.fallbacks) {
            row(model, " (fallback)");
            if (!model.plan) continue;
            const auto with = all + model.plan->pessimistic();
            emit("{:<{}} {}\n", "", name_width,
                 with <= plan.budget
                     ? fmt::format("fits: {} of {}", to_string(with), to_string(plan.budget))
                     : fmt::format("does not fit: {} is {} more than the budget of {}; such requests would be refused",
                                   to_string(with), to_string(with - plan.budget), to_string(plan.budget)));
        }
    }
    return out;
}

}  // namespace sarai::app
