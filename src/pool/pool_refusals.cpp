// Why a model is not loaded: the errors, with who holds what.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "pool/pool_room.hpp"
#include "pool/refusal.hpp"

namespace sarai::pool {

void PoolCore::refuse_waiting(ModelIndex model, const Error& error, Actions& out) {
    std::vector<Ticket> waiting;
    for (const auto& [ticket, state] : tickets_)
        if (state.waiting && state.model == model) waiting.push_back(ticket);
    for (const auto ticket : waiting) refuse(ticket, error, out);
}

bool PoolCore::can_be_stopped(ModelIndex model) const {
    return locals_[model].state == LocalState::ready && locals_[model].leases == 0 && !models_[model].pinned;
}

std::vector<Holder> PoolCore::holders_beside(std::optional<ModelIndex> model) const {
    std::vector<Holder> holders;
    if (rules_.own.count > 0)
        holders.push_back({.name = "sarai itself", .bytes = rules_.own, .state = {}, .can_be_stopped = false});
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto& local = locals_[i];
        if (local.state != LocalState::loading && local.state != LocalState::ready) continue;
        if (local.draining || i == model) continue;  // counted as coming back; so is a model's other form
        std::string state(name_of(local.state));
        if (local.state == LocalState::ready)
            state += local.leases == 0   ? ", idle"
                     : local.leases == 1 ? ", 1 request"
                                         : fmt::format(", {} requests", local.leases);
        if (models_[i].pinned) state += ", pinned";
        holders.push_back({.name = models_[i].name,
                           .bytes = local.reserved,
                           .state = std::move(state),
                           .can_be_stopped = can_be_stopped(i),
                           .reload = reload_of(i)});
    }
    for (const auto& waiting : awaiting_)
        holders.push_back({.name = models_[waiting.model].name,
                           .bytes = waiting.planned,
                           .state = "about to load",
                           .can_be_stopped = false});
    if (aside_ > Bytes{})
        holders.push_back(
            {.name = "conversions and large requests", .bytes = aside_, .state = {}, .can_be_stopped = false});
    return holders;
}

Error PoolCore::no_room_for(Bytes bytes, std::string_view what) const {
    if (closed_)
        return {.code = Code::no_memory,
                .message = fmt::format("there is no memory for {} now: {}", what, *closed_),
                .hint = "What needs no more of it is still answered."};
    const auto free = room().free;
    return explain({.what = std::string(what),
                    .needs = {.total = bytes},
                    .free = free,
                    .budget = rules_.budget,
                    .machine = rules_.machine,
                    .holders = holders_beside(std::nullopt),
                    .policy_would_help = rules_.policy == Policy::never_unload && idle_bytes() >= bytes - free});
}

// Memory that is coming back is told as free, and memory that is promised as held: then free and held make the budget.
Error PoolCore::does_not_fit(ModelIndex model, const Room& room) const {
    Shortage shortage{.model = models_[model].name,
                      .needs = locals_[model].needs,
                      .free = room.available(),
                      .budget = rules_.budget,
                      .machine = rules_.machine,
                      .holders = {},
                      .min_context_length = models_[model].may_give_up.min_context_length};
    shortage.holders = holders_beside(model);
    shortage.policy_would_help =
        rules_.policy == Policy::never_unload &&
        victims_for(model, shortage.needs.total - shortage.free, false, Policy::lru, going()).has_value();
    return explain(shortage);
}

// Of one that is still being measured for a request nobody knows whether it can be loaded; those that are to be there
// from the start keep their place all the same.
bool PoolCore::has_place(ModelIndex model) const {
    const auto state = locals_[model].state;
    return state != LocalState::absent && state != LocalState::stopping &&
           (state != LocalState::measuring || preloading_[model]);
}

Error PoolCore::no_place(ModelIndex model) const {
    std::vector<std::string_view> holders;
    bool may_go = false;
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        if (!models_[i].generative || !has_place(i) || i == model) continue;
        holders.push_back(models_[i].name);
        may_go = may_go || !models_[i].pinned;
    }
    // Only what helps: nobody unloads who is pinned.
    std::string hint = "Raise memory.max_concurrent_llms if memory allows";
    if (may_go) {
        hint += ", ";
        const bool lru = rules_.policy == Policy::never_unload;
        hint +=
            lru ? "unload one with \"sarai stop\", or set memory.policy to lru" : "or unload one with \"sarai stop\"";
    }
    return {.code = Code::busy,
            .message =
                fmt::format("model '{}' cannot be loaded: {} of {} generative models are loaded already ({})",
                            models_[model].name, holders.size(), rules_.max_concurrent_llms, fmt::join(holders, ", ")),
            .hint = hint + "."};
}

}  // namespace sarai::pool
