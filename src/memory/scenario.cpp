#include "memory/scenario.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace sarai::memory {
namespace {

using Models = std::span<const ScenarioModel>;

std::optional<std::size_t> index_of(Models models, std::string_view name) {
    const auto found = std::ranges::find(models, name, &ScenarioModel::name);
    if (found == models.end()) return std::nullopt;
    return static_cast<std::size_t>(found - models.begin());
}

Bytes bytes_of(const ScenarioModel& model) { return model.local && *model.local ? (*model.local)->total() : Bytes{}; }

// Sums that follow from the roles.
void add_up(Scenario& scenario, Models models) {
    scenario.models = {};
    scenario.errors = {};
    scenario.llms = 0;
    scenario.planned = true;
    scenario.short_nodes.clear();
    NodeLedger nodes;
    for (std::size_t i = 0; i < models.size(); ++i) {
        if (!scenario.is_here(i)) continue;
        scenario.models += bytes_of(models[i]);
        if (models[i].local && *models[i].local) scenario.errors += (*models[i].local)->error();
        if (models[i].local && *models[i].local)
            if (auto held = nodes.reserve(i, models[i].name, (*models[i].local)->nodes); !held)
                scenario.short_nodes.push_back(std::move(held.error().message));
        scenario.llms += models[i].generative ? 1 : 0;
        scenario.planned = scenario.planned && models[i].local && models[i].local->has_value();
    }
}

Scenario as_configured(Models models) {
    Scenario scenario{.kind = ScenarioKind::hybrid,
                      .answered_by = std::vector<std::optional<std::size_t>>(models.size())};
    for (const auto& model : models) scenario.roles.push_back(model.servers.empty() ? Role::here : Role::remote);
    add_up(scenario, models);
    return scenario;
}

Scenario all_here(Models models) {
    Scenario scenario = as_configured(models);
    scenario.kind = ScenarioKind::native;
    for (std::size_t i = 0; i < models.size(); ++i)
        if (models[i].local) scenario.roles[i] = Role::here;
    add_up(scenario, models);
    return scenario;
}

// The room that a fallback lacks is taken from what it may displace, one after the other; what the last of them made
// unnecessary stays. The pool does the same (PoolCore::victims_for).
void make_room(Scenario& scenario, std::size_t fallback, Models models, const Limits& limits) {
    const auto enough = [&] { return scenario.needed(limits) <= limits.budget && scenario.llms <= limits.max_llms; };
    std::vector<std::pair<std::size_t, Role>> taken;
    for (const auto& name : models[fallback].may_displace) {
        if (enough()) break;
        const auto victim = index_of(models, name);
        if (!victim || *victim == fallback || !scenario.is_here(*victim)) continue;
        taken.emplace_back(*victim, std::exchange(scenario.roles[*victim], Role::displaced));
        add_up(scenario, models);
    }
    const bool suffices = enough();
    for (std::size_t i = taken.size(); suffices && i-- > 0;) {
        const auto [victim, role] = taken[i];
        scenario.roles[victim] = role;
        add_up(scenario, models);
        if (enough()) {
            taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
        }
        scenario.roles[victim] = Role::displaced;
        add_up(scenario, models);
    }
    for (const auto& [victim, role] : taken) scenario.displaced.push_back(victim);
}

// Follows "another model answers" to one that does; a circle answers nothing.
std::optional<std::size_t> who_answers(const Scenario& scenario, std::size_t asked, Models models) {
    auto at = asked;
    for (std::size_t hops = 0; hops <= models.size(); ++hops) {
        if (scenario.is_here(at) || scenario.roles[at] == Role::remote) return at;
        if (scenario.roles[at] != Role::replaced) return std::nullopt;
        const auto next = index_of(models, models[at].on_loss);
        if (!next) return std::nullopt;
        at = *next;
    }
    return std::nullopt;
}

Scenario without(const std::vector<std::string>& servers, Models models, const Limits& limits) {
    Scenario scenario = as_configured(models);
    scenario.kind = ScenarioKind::degraded;
    for (std::size_t i = 0; i < models.size(); ++i) {
        const auto& own = models[i].servers;
        const bool lost = !own.empty() && std::ranges::all_of(own, [&](const std::string& server) {
            return std::ranges::contains(servers, server);
        });
        if (!lost) continue;
        scenario.lost.push_back(i);
        scenario.roles[i] = models[i].on_loss == "local" && models[i].local ? Role::fallback
                            : index_of(models, models[i].on_loss)           ? Role::replaced
                                                                            : Role::refused;
    }
    add_up(scenario, models);
    for (const auto i : scenario.lost)
        if (scenario.roles[i] == Role::fallback) make_room(scenario, i, models, limits);
    for (const auto i : scenario.lost)
        if (scenario.roles[i] == Role::replaced) scenario.answered_by[i] = who_answers(scenario, i, models);
    for (const auto i : scenario.lost)
        if (scenario.roles[i] == Role::replaced && !scenario.answered_by[i]) scenario.roles[i] = Role::refused;
    return scenario;
}

}  // namespace

std::string_view name_of(ScenarioKind kind) {
    switch (kind) {
        case ScenarioKind::native: return "native";
        case ScenarioKind::hybrid: return "hybrid";
        case ScenarioKind::degraded: break;
    }
    return "degraded";
}

bool Scenario::fits(const Limits& limits) const {
    return planned && short_nodes.empty() && needed(limits) <= limits.budget;
}
bool Scenario::holds(const Limits& limits) const { return fits(limits) && llms <= limits.max_llms; }
bool Scenario::fits_machine(const Limits& limits) const {
    return planned && needed(limits) <= limits.machine - limits.reserve;
}

std::vector<Scenario> scenarios_of(Models models, const Limits& limits) {
    std::vector<Scenario> all{all_here(models), as_configured(models)};
    std::vector<std::vector<std::string>> seen;
    for (const auto& model : models) {
        auto servers = model.servers;
        std::ranges::sort(servers);
        if (servers.empty() || std::ranges::contains(seen, servers)) continue;
        all.push_back(without(servers, models, limits));
        seen.push_back(std::move(servers));
    }
    return all;
}

std::string title_of(const Scenario& scenario, Models models) {
    std::string title(name_of(scenario.kind));
    for (std::size_t i = 0; i < scenario.lost.size(); ++i)
        title += (i == 0 ? ": " : ", ") + models[scenario.lost[i]].name;
    return scenario.lost.empty() ? title : title + " lost";
}

Components components_of(const ModelPlan& plan) {
    Components sums;
    for (const auto& line : plan.lines) {
        auto& group = line.what.starts_with("weights")                                          ? sums.weights
                      : line.what.starts_with("mmproj")                                         ? sums.projector
                      : line.what == "prompt_cache"                                             ? sums.prompt_cache
                      : line.what == "compute" || line.what == "output" || line.what == "sound" ? sums.compute
                      : line.what == "overhead"                                                 ? sums.overhead
                                                                                                : sums.state;
        group += line.bytes;
    }
    return sums;
}

}  // namespace sarai::memory
