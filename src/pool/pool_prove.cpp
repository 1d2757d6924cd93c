// Whether models can be there at the same time, by the same rules by which they would be loaded one by one.
#include <algorithm>

#include "pool/pool_room.hpp"

namespace sarai::pool {

bool PoolCore::is_served(Clock::time_point now, ModelIndex model) const {
    const auto& spec = models_[model];
    return std::ranges::any_of(spec.endpoints, [&](EndpointIndex endpoint) {
        using enum Endpoints::State;
        const auto state = endpoints_.state(now, endpoint, spec.distance);
        return state == free || state == full || state == trying;
    });
}

bool PoolCore::needs_worker(Clock::time_point now, ModelIndex model) const {
    return models_[model].has_local && !is_served(now, model);
}

void PoolCore::note_needs(ModelIndex model, const Needs& needs, bool media) {
    auto& local = locals_[model];
    if (media && models_[model].media_on_demand)
        local.media_needs = countable(needs);
    else if (local.state == LocalState::absent && !local.media_form)
        local.needs = countable(needs);
}

bool PoolCore::knows_needs(Participant one) const {
    const auto& local = locals_[one.model];
    if (one.media && models_[one.model].media_on_demand) return local.media_needs.has_value();
    return local.needs.total.count > 0;
}

Proof PoolCore::prove(Clock::time_point now, std::span<const Participant> models, Bytes brought) const {
    Proof proof{
        .brought = brought, .budget = rules_.budget, .machine = rules_.machine, .places = rules_.max_concurrent_llms};
    if (rules_.own.count > 0) proof.staying.push_back({.model = "sarai itself", .bytes = rules_.own, .loaded = true});
    std::vector<ModelIndex> set;
    for (const auto& one : models)
        if (needs_worker(now, one.model) && !std::ranges::contains(set, one.model)) set.push_back(one.model);
    for (const auto model : set) {
        const auto& local = locals_[model];
        const bool media =
            models_[model].media_on_demand && local.media_needs &&
            std::ranges::any_of(models, [&](const auto& one) { return one.model == model && one.media; });
        const bool loaded = local.state == LocalState::loading || local.state == LocalState::ready;
        const auto bytes = loaded ? local.reserved : local.needs.total;
        proof.parts.push_back({.model = models_[model].name,
                               .bytes = media ? std::max(local.media_needs->total, loaded ? bytes : Bytes{}) : bytes,
                               .loaded = loaded,
                               .generative = models_[model].generative,
                               .needs = loaded ? std::nullopt : std::optional(media ? *local.media_needs : local.needs),
                               .min_context_length = models_[model].may_give_up.min_context_length});
        proof.places_needed += models_[model].generative ? 1 : 0;
    }
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto& local = locals_[i];
        if (std::ranges::contains(set, i)) continue;
        const bool waits = std::ranges::contains(awaiting_, i, &Awaiting::model);
        if (local.state != LocalState::loading && local.state != LocalState::ready && !waits) continue;
        const auto bytes = waits ? local.needs.total : local.reserved;
        const auto goes = [&](Policy policy) {
            return std::ranges::any_of(set, [&](auto asker) { return may_evict(asker, i, policy); });
        };
        if (goes(rules_.policy)) {
            proof.displaceable += bytes;
            continue;
        }
        proof.staying.push_back({.model = models_[i].name,
                                 .bytes = bytes,
                                 .loaded = !waits,
                                 .generative = models_[i].generative,
                                 .can_be_stopped = can_be_stopped(i),
                                 .goes_with_lru = rules_.policy == Policy::never_unload && goes(Policy::lru)});
        proof.places_needed += models_[i].generative ? 1 : 0;
    }
    return proof;
}

}  // namespace sarai::pool
