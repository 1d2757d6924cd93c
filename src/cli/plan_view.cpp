#include "cli/plan_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "cli/stacked_bar.hpp"
#include "cli/table.hpp"
#include "memory/learned_text.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;
using memory::Role;
using memory::Scenario;
using memory::ScenarioKind;

bool planned(const memory::ScenarioModel& model) { return model.local && model.local->has_value(); }
Bytes total_of(const memory::ScenarioModel& model) { return planned(model) ? (*model.local)->total() : Bytes{}; }

std::string signed_bytes(Bytes bytes) { return (bytes.count > 0 ? "+" : "") + to_string(bytes); }
std::string gigabytes(Bytes bytes) { return fmt::format("{:.1f} GB", static_cast<double>(bytes.count) / 1e9); }
std::string or_dash(Bytes bytes) { return bytes == Bytes{} ? "-" : to_string(bytes); }

// Of the whole scenario: what was given for it, or else the sum of its models' where each has one.
std::optional<Bytes> estimate_of(const PlanReport& plan, const Scenario& scenario) {
    if (scenario.kind == ScenarioKind::native && plan.estimates.native) return plan.estimates.native;
    if (scenario.kind == ScenarioKind::hybrid && plan.estimates.hybrid) return plan.estimates.hybrid;
    Bytes sum;
    for (std::size_t i = 0; i < plan.models.size(); ++i) {
        if (!scenario.is_here(i)) continue;
        if (!plan.models[i].estimate) return std::nullopt;
        sum += *plan.models[i].estimate;
    }
    return sum == Bytes{} ? std::nullopt : std::optional(sum);
}

std::optional<Bytes> saving_of(const PlanReport& plan, const Scenario& scenario) {
    if (!plan.native || !plan.native->planned || !scenario.planned || scenario.kind == ScenarioKind::native)
        return std::nullopt;
    return plan.native->models - scenario.models;
}

std::string percent(Bytes part, Bytes whole) {
    if (whole.count <= 0) return "0 %";
    return fmt::format("{:.0f} %", 100 * static_cast<double>(part.count) / static_cast<double>(whole.count));
}

std::string left_or_over(Bytes needed, Bytes limit) {
    return needed <= limit ? to_string(limit - needed) + " left" : to_string(needed - limit) + " too much";
}

std::string names_of(const PlanReport& plan, const std::vector<std::size_t>& indices) {
    std::string text;
    for (std::size_t i = 0; i < indices.size(); ++i)
        text += (i == 0 ? "" : i + 1 == indices.size() ? " and " : ", ") + plan.models[indices[i]].name;
    return text;
}

class Text {
public:
    Text(const PlanReport& plan, const Screen& screen) : plan_(plan), screen_(screen) {
        for (const auto& scenario : plan.scenarios) scale_ = std::max(scale_, scenario.needed(plan.limits));
        scale_ = std::max(scale_, plan.limits.budget);
    }

    std::string all(const std::optional<Comparison>& what_if) {
        if (what_if) changes(*what_if);
        if (plan_.scenarios.size() > 1) side_by_side();
        for (const auto& scenario : plan_.scenarios) one(scenario);
        if (plan_.scenarios.empty()) out_ += "no model has servers that could be lost\n";
        if (what_if) differences(*what_if);
        return std::move(out_);
    }

private:
    void changes(const Comparison& what_if) {
        out_ += "what if: ";
        for (std::size_t i = 0; i < what_if.changes.size(); ++i) out_ += (i == 0 ? "" : "; ") + what_if.changes[i];
        out_ += "\n\n";
    }

    void side_by_side() {
        const auto& limits = plan_.limits;
        std::vector<Column> columns{{"SCENARIO"},
                                    {"HERE", Align::right},
                                    {"TOTAL", Align::right},
                                    {"BUDGET " + to_string(limits.budget), Align::right},
                                    {"RAM " + to_string(limits.machine), Align::right},
                                    {"SAVED", Align::right},
                                    {"ESTIMATE", Align::right}};
        std::vector<std::vector<std::string>> rows;
        for (const auto& scenario : plan_.scenarios) {
            std::int64_t here = 0;
            for (std::size_t i = 0; i < plan_.models.size(); ++i) here += scenario.is_here(i) ? 1 : 0;
            const auto needed = scenario.needed(limits);
            const auto saving = saving_of(plan_, scenario);
            const auto estimate = estimate_of(plan_, scenario);
            const auto against = [&](Bytes limit) {
                return scenario.planned ? left_or_over(needed, limit) : std::string("unknown");
            };
            rows.push_back(
                {title_of(scenario, plan_.models), std::to_string(here),
                 (scenario.planned ? "" : "> ") + to_string(needed), against(limits.budget),
                 against(limits.machine - limits.reserve),
                 saving ? fmt::format("{} ({})", to_string(*saving), percent(*saving, plan_.native->models)) : "-",
                 estimate ? gigabytes(*estimate) : "-"});
        }
        drop_empty(columns, rows);
        out_ += render_table(columns, rows) + "\n";
    }

    // Columns in which no row has anything.
    static void drop_empty(std::vector<Column>& columns, std::vector<std::vector<std::string>>& rows) {
        for (std::size_t i = columns.size(); i-- > 1;) {
            const bool empty = std::ranges::all_of(
                rows, [&](const auto& row) { return row.size() <= i || row[i] == "-" || row[i].empty(); });
            if (!empty) continue;
            columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(i));
            for (auto& row : rows)
                if (row.size() > i) row.erase(row.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }

    void one(const Scenario& scenario) {
        if (plan_.scenarios.size() > 1) out_ += screen_.style.bold(title_of(scenario, plan_.models)) + "\n";
        table(scenario);
        errors(scenario);
        out_ += "\n";
        picture(scenario);
        verdict(scenario);
        nodes(scenario);
        if (&scenario != &plan_.scenarios.back()) out_ += "\n";
    }

    std::string backend_of(const Scenario& scenario, std::size_t i) {
        switch (scenario.roles[i]) {
            case Role::here: return plan_.backends[i] == "whisper" ? "whisper" : "gguf_native";
            case Role::remote: return plan_.backends[i];
            case Role::fallback: return "gguf_native (fallback)";
            case Role::displaced: return "displaced";
            case Role::replaced: return plan_.models[*scenario.answered_by[i]].name + " answers";
            case Role::refused: break;
        }
        return "refused";
    }

    // How sure the plan is, and how many loads here say so: "± 8.1 MiB (3)".
    std::string error_cell(const memory::ModelPlan& plan) {
        return fmt::format("{} {} ({})", screen_.unicode ? "±" : "+-", to_string(plan.error()),
                           plan.learned ? plan.learned->loads : 0);
    }

    void table(const Scenario& scenario) {
        std::vector<Column> columns{{"MODEL"}, {"BACKEND"}};
        for (const auto* title : {"WEIGHTS", "KV+STATE", "COMPUTE", "PROJECTOR", "PROMPT CACHE", "OVERHEAD", "TOTAL",
                                  "ERROR (LOADS)", "ESTIMATE"})
            columns.push_back({title, Align::right});
        std::vector<std::vector<std::string>> rows;
        for (std::size_t i = 0; i < plan_.models.size(); ++i) {
            const auto& model = plan_.models[i];
            std::vector<std::string> row{model.name, backend_of(scenario, i)};
            if (scenario.is_here(i)) {
                const auto parts = planned(model) ? memory::components_of(**model.local) : memory::Components{};
                for (const auto part :
                     {parts.weights, parts.state, parts.compute, parts.projector, parts.prompt_cache, parts.overhead})
                    row.push_back(or_dash(part));
                row.push_back(planned(model) ? to_string(total_of(model)) : "unknown");
                row.push_back(planned(model) ? error_cell(**model.local) : "-");
                row.push_back(model.estimate ? to_string(*model.estimate) : "-");
            }
            rows.push_back(std::move(row));
        }
        rows.push_back({"sarai itself", "", "", "", "", "", "", "", to_string(plan_.limits.own)});
        if (scenario.errors > Bytes{})
            rows.push_back({"error bars", "", "", "", "", "", "", "", to_string(scenario.errors)});
        const auto estimate = estimate_of(plan_, scenario);
        rows.push_back({"total", "", "", "", "", "", "", "", to_string(scenario.needed(plan_.limits)), "",
                        estimate ? to_string(*estimate) : "-"});
        drop_empty(columns, rows);
        out_ += render_table(columns, rows);
    }

    void errors(const Scenario& scenario) {
        for (std::size_t i = 0; i < plan_.models.size(); ++i) {
            const auto& model = plan_.models[i];
            if (!scenario.is_here(i) || planned(model)) continue;
            out_ += screen_.style.red(model.name + ":") + " " +
                    (model.local ? describe(model.local->error()) : "has no file here") + "\n";
        }
    }

    void picture(const Scenario& scenario) {
        StackedBar bar{.segments = {}, .limit = plan_.limits.budget.count, .scale = scale_.count};
        for (std::size_t i = 0; i < plan_.models.size(); ++i)
            if (scenario.is_here(i)) bar.segments.push_back({plan_.models[i].name, total_of(plan_.models[i]).count});
        bar.segments.push_back({"sarai", plan_.limits.own.count});
        if (scenario.errors > Bytes{}) bar.segments.push_back({"error bars", scenario.errors.count});
        const int width = std::clamp(screen_.width, 20, 160);
        out_ += render_stacked_bar(bar, width, screen_.unicode, screen_.style) + "\n";
        out_ += render_legend(bar, width, screen_.unicode, screen_.style) + "\n\n";
    }

    void limit_line(const std::string& name, bool planned, Bytes needed, Bytes limit) {
        const auto& style = screen_.style;
        if (!planned)
            out_ += name + ": " + style.red("unknown") + ", some files cannot be planned\n";
        else if (needed <= limit)
            out_ += fmt::format("{}: {}, {} left\n", name, style.green("fits"), to_string(limit - needed));
        else
            out_ += fmt::format("{}: {}, {} too much\n", name, style.red("does not fit"), to_string(needed - limit));
    }

    // What other machines hold, each with a bar of its own memory.
    void nodes(const Scenario& scenario) {
        std::map<std::string, StackedBar> bars;
        for (std::size_t i = 0; i < plan_.models.size(); ++i) {
            if (!scenario.is_here(i) || !planned(plan_.models[i])) continue;
            for (const auto& node : (*plan_.models[i].local)->nodes) {
                auto& bar = bars[node.address];
                bar.limit = bar.scale = node.memory.count;
                bar.segments.push_back({plan_.models[i].name, node.total().count});
            }
        }
        const int width = std::clamp(screen_.width, 20, 160);
        for (const auto& [address, bar] : bars)
            out_ += fmt::format("\nnode {}, {}\n{}\n{}\n", address, to_string(Bytes{bar.limit}),
                                render_stacked_bar(bar, width, screen_.unicode, screen_.style),
                                render_legend(bar, width, screen_.unicode, screen_.style));
        for (const auto& missing : scenario.short_nodes)
            out_ += fmt::format("{}: {}\n", screen_.style.red("does not fit"), missing);
    }

    void verdict(const Scenario& scenario) {
        const auto& limits = plan_.limits;
        const auto needed = scenario.needed(limits);
        if (scenario.kind == ScenarioKind::degraded) what_happens(scenario);
        limit_line("budget " + to_string(limits.budget), scenario.planned, needed, limits.budget);
        limit_line(fmt::format("RAM {} less {} for others", to_string(limits.machine), to_string(limits.reserve)),
                   scenario.planned, needed, limits.machine - limits.reserve);
        if (scenario.llms > limits.max_llms)
            out_ += fmt::format("{}: {} chat models here, memory.max_concurrent_llms is {}\n",
                                screen_.style.red("not at once"), scenario.llms, limits.max_llms);
        const auto estimate = estimate_of(plan_, scenario);
        if (estimate && scenario.planned) {
            const auto system = plan_.estimates.system.value_or(Bytes{});
            const auto ours = needed + system;
            const auto with = system == Bytes{} ? "" : fmt::format(" with {} for the system", gigabytes(system));
            out_ += fmt::format("estimate {}{}; this plan{} {}: {} {}\n", gigabytes(*estimate), with,
                                system == Bytes{} ? "" : " with as much", gigabytes(ours),
                                gigabytes(ours < *estimate ? *estimate - ours : ours - *estimate),
                                ours < *estimate ? "less" : "more");
        }
    }

    void what_happens(const Scenario& scenario) {
        const bool fits = scenario.holds(plan_.limits);
        for (const auto i : scenario.lost) {
            const auto& name = plan_.models[i].name;
            switch (scenario.roles[i]) {
                case Role::fallback:
                    if (fits)
                        out_ += fmt::format("{} answers from its own file\n", name);
                    else
                        out_ += fmt::format("{} {} answer from its own file: requests for it would be refused\n", name,
                                            screen_.style.yellow("cannot"));
                    break;
                case Role::replaced:
                    out_ += fmt::format("{} answers for {}\n", plan_.models[*scenario.answered_by[i]].name, name);
                    break;
                default: out_ += fmt::format("requests for {} are refused\n", name); break;
            }
        }
        if (!scenario.displaced.empty())
            out_ += fmt::format("{}: {}\n", fits ? "unloaded for it" : "not even without",
                                names_of(plan_, scenario.displaced));
    }

    void differences(const Comparison& what_if) {
        std::vector<std::vector<std::string>> rows;
        const auto row = [&](std::string name, Bytes before, Bytes after) {
            rows.push_back({std::move(name), to_string(before), to_string(after), signed_bytes(after - before)});
        };
        for (std::size_t i = 0; i < plan_.models.size(); ++i)
            if (planned(plan_.models[i]) && planned(what_if.before.models[i]))
                row(plan_.models[i].name, total_of(what_if.before.models[i]), total_of(plan_.models[i]));
        for (std::size_t i = 0; i < plan_.scenarios.size(); ++i)
            row(plan_.scenarios.size() > 1 ? title_of(plan_.scenarios[i], plan_.models) : "total",
                what_if.before.scenarios[i].needed(what_if.before.limits), plan_.scenarios[i].needed(plan_.limits));
        if (plan_.limits.budget != what_if.before.limits.budget)
            row("budget", what_if.before.limits.budget, plan_.limits.budget);
        out_ +=
            "\n" +
            render_table(
                {{"DIFFERENCE"}, {"AS CONFIGURED", Align::right}, {"WHAT IF", Align::right}, {"", Align::right}}, rows);
    }

    const PlanReport& plan_;
    const Screen& screen_;
    Bytes scale_;
    std::string out_;
};

json::object plan_of(const memory::ScenarioModel& model) {
    json::array lines;
    if (planned(model))
        for (const auto& line : (*model.local)->lines)
            lines.push_back({{"what", line.what}, {"bytes", line.bytes.count}});
    json::object result{{"name", model.name}, {"total_bytes", total_of(model).count}, {"lines", std::move(lines)}};
    if (planned(model) && !(*model.local)->architecture.empty()) result["architecture"] = (*model.local)->architecture;
    if (planned(model) && !(*model.local)->lines.empty()) {
        memory::add_error_bar(result, **model.local);
        result["cached"] = (*model.local)->cached;
    }
    if (planned(model) && !(*model.local)->nodes.empty()) {
        json::array nodes;
        for (const auto& node : (*model.local)->nodes)
            nodes.push_back({{"address", node.address},
                             {"bytes", node.total().count},
                             {"weights_bytes", node.weights.count},
                             {"context_bytes", node.context.count},
                             {"compute_bytes", node.compute.count},
                             {"memory_bytes", node.memory.count}});
        result["nodes"] = std::move(nodes);
    }
    if (model.local && !*model.local) result["error"] = describe(model.local->error());
    return result;
}

json::array names_json(const PlanReport& plan, const std::vector<std::size_t>& indices) {
    json::array names;
    for (const auto i : indices) names.emplace_back(plan.models[i].name);
    return names;
}

std::string_view name_of(Role role) {
    switch (role) {
        case Role::here: return "here";
        case Role::remote: return "remote";
        case Role::fallback: return "fallback";
        case Role::displaced: return "displaced";
        case Role::replaced: return "replaced";
        case Role::refused: break;
    }
    return "refused";
}

json::value bytes_or_null(const std::optional<Bytes>& bytes) {
    return bytes ? json::value(bytes->count) : json::value();
}

json::object scenario_json(const PlanReport& plan, const Scenario& scenario) {
    json::array models;
    for (std::size_t i = 0; i < plan.models.size(); ++i) {
        auto model = scenario.is_here(i)
                         ? plan_of(plan.models[i])
                         : json::object{{"name", plan.models[i].name}, {"total_bytes", 0}, {"lines", json::array{}}};
        model["role"] = name_of(scenario.roles[i]);
        if (scenario.answered_by[i]) model["answered_by"] = plan.models[*scenario.answered_by[i]].name;
        models.emplace_back(std::move(model));
    }
    const auto needed = scenario.needed(plan.limits);
    return {{"name", memory::name_of(scenario.kind)},
            {"lost", names_json(plan, scenario.lost)},
            {"models", std::move(models)},
            {"displaced", names_json(plan, scenario.displaced)},
            {"total_bytes", scenario.models.count},
            {"pessimistic_bytes", (scenario.models + scenario.errors).count},
            {"needed_bytes", needed.count},
            {"fits", scenario.fits(plan.limits)},
            {"fits_machine", scenario.fits_machine(plan.limits)},
            {"at_once", scenario.llms <= plan.limits.max_llms},
            {"missing_bytes", std::max(Bytes{}, needed - plan.limits.budget).count},
            {"saving_bytes", bytes_or_null(saving_of(plan, scenario))},
            {"estimate_bytes", bytes_or_null(estimate_of(plan, scenario))}};
}

// The scenario as configured, whether or not it is shown.
Scenario configured(const PlanReport& plan) { return memory::scenarios_of(plan.models, plan.limits)[1]; }

}  // namespace

bool PlanReport::failed() const {
    return std::ranges::any_of(models, [](const auto& model) { return model.local && !*model.local; });
}

std::string plan_text(const PlanReport& plan, const std::optional<Comparison>& what_if, const Screen& screen) {
    return Text(plan, screen).all(what_if);
}

std::string plan_json(const PlanReport& plan, const std::optional<Comparison>& what_if) {
    const auto hybrid = configured(plan);
    json::array models;
    json::array fallbacks;
    for (std::size_t i = 0; i < plan.models.size(); ++i) {
        const auto& model = plan.models[i];
        if (model.servers.empty() || model.local) {
            auto local = plan_of(model);
            local["backend"] = plan.backends[i] == "whisper" ? "whisper" : "gguf_native";
            (model.servers.empty() ? models : fallbacks).emplace_back(std::move(local));
        }
        if (!model.servers.empty())
            models.push_back(
                {{"name", model.name}, {"backend", plan.backends[i]}, {"total_bytes", 0}, {"lines", json::array{}}});
    }
    json::array scenarios;
    for (const auto& scenario : plan.scenarios) scenarios.emplace_back(scenario_json(plan, scenario));
    json::object result{{"models", std::move(models)},
                        {"fallbacks", std::move(fallbacks)},
                        {"total_bytes", hybrid.models.count},
                        {"pessimistic_bytes", (hybrid.models + hybrid.errors).count},
                        {"own_bytes", plan.limits.own.count},
                        {"budget_bytes", plan.limits.budget.count},
                        {"machine_bytes", plan.limits.machine.count},
                        {"fits", hybrid.fits(plan.limits) && !plan.failed()},
                        {"scenarios", std::move(scenarios)}};
    if (what_if) {
        json::array changes;
        for (const auto& change : what_if->changes) changes.emplace_back(change);
        result["what_if"] = {{"changes", std::move(changes)},
                             {"before_total_bytes", configured(what_if->before).models.count},
                             {"difference_bytes", (hybrid.models - configured(what_if->before).models).count}};
    }
    return json::serialize(result) + "\n";
}

int plan_status(const PlanReport& plan, bool strict) {
    if (plan.failed()) return 1;
    const auto judged = std::ranges::find(plan.scenarios, ScenarioKind::hybrid, &Scenario::kind);
    for (auto scenario = plan.scenarios.begin(); scenario != plan.scenarios.end(); ++scenario) {
        const bool degraded = scenario->kind == ScenarioKind::degraded;
        const bool counts = degraded ? strict : judged == plan.scenarios.end() || scenario == judged;
        const bool holds = degraded ? scenario->holds(plan.limits) : scenario->fits(plan.limits);
        if (counts && !holds) return exit_status(Code::no_memory);
    }
    return 0;
}

}  // namespace sarai::cli
