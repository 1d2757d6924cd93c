// Which models are in memory at the same time, and does that fit: all of them here (native), as configured (hybrid),
// and with one model's servers lost (degraded).
//
// A degraded scenario is a proof made ahead of time: the same rule that the pool follows when a server dies (on_loss:
// which fallback, and what it may displace) is applied to plans, and the sum is compared with the budget. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "memory/plan.hpp"

namespace sarai::memory {

// A model as scenarios see it.
struct ScenarioModel {
    std::string name;
    bool generative = true;                  // counts towards max_llms
    std::vector<std::string> servers = {};   // asked first; empty: it runs here
    std::optional<Result<ModelPlan>> local;  // of its own file, where it has one; an error: it cannot be planned
    std::string on_loss = "refuse";          // what serves while all servers are lost: "local", "refuse", or a model
    std::vector<std::string> may_displace = {};  // what its fallback may unload, in this order
    std::optional<Bytes> estimate = {};          // somebody's
};

struct Limits {
    Bytes budget;      // for sarai and its workers
    Bytes machine;     // RAM
    Bytes reserve;     // of it, left to others
    Bytes own;         // sarai itself
    int max_llms = 3;  // generative models here at once
};

enum class Role : std::uint8_t {
    here,       // in memory, as configured (native: although it has servers)
    remote,     // a server answers
    fallback,   // in memory because its servers are lost
    displaced,  // unloaded to make room for a fallback
    replaced,   // its servers are lost; another model answers
    refused,    // its servers are lost, and nothing answers
};

enum class ScenarioKind : std::uint8_t { native, hybrid, degraded };
[[nodiscard]] std::string_view name_of(ScenarioKind kind);

struct Scenario {
    ScenarioKind kind = ScenarioKind::hybrid;
    std::vector<std::size_t> lost = {};                        // models without a server
    std::vector<Role> roles = {};                              // by model
    std::vector<std::size_t> displaced = {};                   // in the order of unloading
    std::vector<std::optional<std::size_t>> answered_by = {};  // by model; of those that are replaced
    Bytes models = {};                                         // predicted sum of what is here
    Bytes errors = {};                                         // sum of its error bars: admission reserves upper ends
    int llms = 0;                                              // generative models here
    std::vector<std::string> short_nodes = {};  // what is missing on other machines, a sentence for each model
    bool planned = true;  // false: a model that belongs here cannot be planned, so nothing is proven

    [[nodiscard]] bool is_here(std::size_t model) const {
        return roles[model] == Role::here || roles[model] == Role::fallback;
    }
    // What is reserved: the upper ends, with sarai itself.
    [[nodiscard]] Bytes needed(const Limits& limits) const { return models + errors + limits.own; }
    // Planned, within the budget, and within the memory of nodes.
    [[nodiscard]] bool fits(const Limits& limits) const;
    // All of it at once: it fits, and there are not more generative models than max_llms.
    [[nodiscard]] bool holds(const Limits& limits) const;
    // Within RAM less the reserve, whatever the budget says.
    [[nodiscard]] bool fits_machine(const Limits& limits) const;
};

// native, hybrid, then one degraded scenario for each set of servers that some model depends on alone; a model whose
// servers are among them is lost as well. What may be displaced is displaced only as far as the fallback needs it, in
// the listed order, and nothing of it for no gain; where even all is not enough, the scenario says so and all of it
// counts as displaced.
[[nodiscard]] std::vector<Scenario> scenarios_of(std::span<const ScenarioModel> models, const Limits& limits);

// "native", "hybrid", "degraded: solar lost".
[[nodiscard]] std::string title_of(const Scenario& scenario, std::span<const ScenarioModel> models);

// A plan's lines in the groups that people compare.
struct Components {
    Bytes weights;       // weights, weights_mapped
    Bytes state;         // kv_cache, recurrent_state, checkpoints
    Bytes compute;       // compute, output
    Bytes projector;     // mmproj, mmproj_compute
    Bytes prompt_cache;  // its upper bound
    Bytes overhead;      // overhead
};
[[nodiscard]] Components components_of(const ModelPlan& plan);

}  // namespace sarai::memory
