// Making room: who may be displaced for whom, and who gets the memory that comes free.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pool/pool_room.hpp"

namespace sarai::pool {

namespace {
// Between two tries to bring back what a fallback has displaced.
constexpr std::chrono::seconds restore_interval{5};
}  // namespace

std::vector<bool> PoolCore::going() const {
    std::vector<bool> going(models_.size());
    for (ModelIndex i = 0; i < models_.size(); ++i)
        going[i] = locals_[i].draining || locals_[i].state == LocalState::stopping;
    return going;
}

// A fallback worker that has displaced others while its server was down, which is up again.
bool PoolCore::is_spare_fallback(ModelIndex model) const {
    return !locals_[model].displaced.empty() &&
           std::ranges::any_of(models_[model].endpoints, [&](EndpointIndex e) { return endpoints_.view(e).up; });
}

bool PoolCore::may_evict(ModelIndex asker, ModelIndex victim, Policy policy) const {
    if (asker == victim) return false;
    if (models_[victim].retired) return true;
    if (is_ahead(victim) || is_spare_fallback(victim) || std::ranges::contains(models_[asker].may_displace, victim))
        return true;
    if (policy == Policy::never_unload || models_[victim].pinned) return false;
    return policy != Policy::priority || models_[victim].priority <= models_[asker].priority;
}

std::optional<std::vector<ModelIndex>> PoolCore::victims_for(ModelIndex asker, Bytes missing, bool need_place,
                                                             Policy policy, const std::vector<bool>& going,
                                                             bool retired_only) const {
    struct Candidate {
        // What goes anyway. What nobody has asked for and spare fallbacks, then may_displace in its order (what the
        // plan proved, so whether busy or not), then the policy's choice.
        std::ptrdiff_t rank;
        bool busy;
        int priority;
        std::uint64_t last_used;
        ModelIndex model;
        auto operator<=>(const Candidate&) const = default;
    };
    std::vector<Candidate> candidates;
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto& local = locals_[i];
        if (going[i] || (local.state != LocalState::ready && local.state != LocalState::loading)) continue;
        if (!may_evict(asker, i, policy) || (retired_only && !models_[i].retired)) continue;
        const auto& listed = models_[asker].may_displace;
        candidates.push_back({.rank = models_[i].retired ? -2
                                      : is_ahead(i) || is_spare_fallback(i)
                                          ? -1
                                          : std::ranges::find(listed, i) - listed.begin(),
                              .busy = local.leases > 0 || local.state == LocalState::loading,
                              .priority = policy == Policy::priority ? models_[i].priority : 0,
                              .last_used = local.last_used,
                              .model = i});
    }
    std::ranges::sort(candidates);
    std::vector<ModelIndex> taken;
    Bytes found;
    int places = 0;
    const auto enough = [&] { return found >= missing && (!need_place || places > 0); };
    for (const auto& candidate : candidates) {
        if (enough()) break;
        const bool generative = models_[candidate.model].generative;
        if (found >= missing && !generative) continue;  // only a place is missing
        taken.push_back(candidate.model);
        found += locals_[candidate.model].reserved;
        places += generative ? 1 : 0;
    }
    if (!enough()) return std::nullopt;
    // The last ones taken may make earlier ones unnecessary: nobody goes for nothing.
    for (auto it = taken.rbegin(); it != taken.rend();) {
        const auto bytes = locals_[*it].reserved;
        const int place = models_[*it].generative ? 1 : 0;
        if (found - bytes >= missing && (!need_place || places - place > 0)) {
            found -= bytes;
            places -= place;
            it = std::reverse_iterator(taken.erase(std::next(it).base()));
        } else {
            ++it;
        }
    }
    return taken;
}

// Whether the model would fit if everything that it may displace were gone, also what is only about to load.
bool PoolCore::could_ever_have(ModelIndex model, Bytes needed) const {
    Bytes staying = rules_.own;
    int places = 0;
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto state = locals_[i].state;
        if (i == model || state == LocalState::stopping || locals_[i].drain_asked) continue;
        if (may_evict(model, i, rules_.policy)) continue;
        if (state != LocalState::loading && state != LocalState::ready) continue;
        staying += locals_[i].reserved;
        places += models_[i].generative ? 1 : 0;
    }
    for (const auto& waiting : awaiting_) {
        if (waiting.model == model || may_evict(model, waiting.model, rules_.policy)) continue;
        staying += waiting.planned;
        places += models_[waiting.model].generative ? 1 : 0;
    }
    return needed <= rules_.budget - staying && (!models_[model].generative || places < rules_.max_concurrent_llms);
}

// Recomputed from scratch each time: who drains follows from who waits and from what was asked for, so that nobody
// drains for a ticket that has gone, and a worker that has become idle goes rather than one that is busy.
void PoolCore::serve_queue(Actions& out) {
    shrink_to_budget(out);
    // Nearly always: nobody waits for memory, and nobody was kept waiting for somebody who does.
    if (awaiting_.empty() && !std::ranges::any_of(locals_, &LocalView::draining)) return;
    // What one of them gets may change what is possible for those before it: until nothing changes any more.
    for (auto before = out.size() + 1; before != out.size();) {
        before = out.size();
        serve_queue_once(out);
    }
}

void PoolCore::serve_queue_once(Actions& out) {
    for (auto& local : locals_) local.draining = local.drain_asked;
    Room room{.free = rules_.budget - reserved(), .places = rules_.max_concurrent_llms - generative_processes()};
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (locals_[i].state == LocalState::stopping || locals_[i].drain_asked)
            room.will_return(locals_[i].reserved, models_[i].generative);
    room.will_return(aside_, false);

    std::deque<Awaiting> queue = std::exchange(awaiting_, {});
    while (!queue.empty()) {
        const auto [model, planned] = queue.front();
        queue.pop_front();
        const bool generative = models_[model].generative;
        if (!room.holds(planned, generative)) {
            const bool place = !generative || room.places + room.places_coming > room.places_promised;
            const auto victims =
                victims_for(model, planned - room.available(), !place, rules_.policy, going(), !is_wanted(model));
            if (victims) {
                // Also where enough is free at this moment: that is promised to others, who may not be allowed to make
                // anybody go for it.
                for (const auto victim : *victims) make_go(model, victim, room, out);
                room.promise(planned, generative);
                awaiting_.push_back({model, planned});
                continue;
            }
            if (is_wanted(model) && could_ever_have(model, planned)) {
                awaiting_.push_back({model, planned});  // after those before it, whose memory it may then have
                continue;
            }
            if (!is_wanted(model)) {
                locals_[model].state = LocalState::absent;  // nobody waits for it any more
                preloading_[model] = false;
                continue;
            }
            give_up(model, place ? does_not_fit(model, room) : no_place(model), out);
            continue;
        }
        if (room.holds_now(planned, generative)) {
            room.take(planned, generative);
            begin_load(model, planned, out);
        } else {
            room.promise(planned, generative);
            awaiting_.push_back({model, planned});
        }
    }
    // Who was kept waiting by a drain that is no longer needed.
    for (ModelIndex i = 0; i < models_.size(); ++i) serve_slots(i, out);
}

void PoolCore::make_go(ModelIndex asker, ModelIndex victim, Room& room, Actions& out) {
    auto& local = locals_[victim];
    room.will_return(local.reserved, models_[victim].generative);
    if (local.leases > 0 || local.state == LocalState::loading) {
        local.draining = true;
        return;
    }
    note({.model = victim,
          .event = Event::evict,
          .outcome = fmt::format("unloaded after it was idle, to make room for '{}'", models_[asker].name),
          .asked = local.reserved});
    if (std::ranges::contains(models_[asker].may_displace, victim) &&
        !std::ranges::contains(locals_[asker].displaced, victim))
        locals_[asker].displaced.push_back(victim);
    begin_stop(victim, out);
}

// By a ticket that is, or may yet be, answered by it.
bool PoolCore::is_used(ModelIndex model) const {
    return std::ranges::any_of(tickets_, [&](const auto& entry) { return entry.second.model == model; });
}

void PoolCore::unload_retired(Actions& out) {
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        if (!models_[i].retired || is_used(i)) continue;
        auto& local = locals_[i];
        if (local.state == LocalState::ready || local.state == LocalState::loading) begin_stop(i, out);
        if (local.state != LocalState::queued) continue;
        local.state = LocalState::absent;
        std::erase_if(awaiting_, [&](const Awaiting& waiting) { return waiting.model == i; });
    }
}

void PoolCore::unload_drained(Actions& out) {
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto& local = locals_[i];
        if (!local.drain_asked || local.leases > 0) continue;
        if (local.state == LocalState::ready || !is_wanted(i)) begin_stop(i, out);
    }
}

std::optional<Clock::time_point> PoolCore::expires(ModelIndex model) const {
    const auto& local = locals_[model];
    const auto& spec = models_[model];
    if (local.state != LocalState::ready || spec.pinned) return std::nullopt;
    if (!local.keep_alive && spec.ttl.count() == 0) return std::nullopt;
    const auto stays = local.keep_alive.value_or(spec.ttl);
    if (stays >= Ask::for_ever) return std::nullopt;
    return local.idle_since + stays;
}

void PoolCore::unload_idle(Clock::time_point now, Actions& out) {
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto& local = locals_[i];
        if (local.state != LocalState::ready || local.leases > 0 || is_wanted(i)) continue;
        const auto expiry = expires(i);
        if (!expiry || now < *expiry) continue;
        const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(*expiry - local.idle_since).count();
        note({.model = i,
              .event = Event::expire,
              .outcome = local.keep_alive ? fmt::format("unloaded after {} s, the keep_alive of its last request", ttl)
                                          : fmt::format("unloaded after it was idle for its ttl of {} s", ttl),
              .asked = local.reserved});
        begin_stop(i, out);
    }
}

// Undoes what the loss of a server has displaced, once it is up for good.
void PoolCore::restore_displaced(Clock::time_point now, Actions& out) {
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        auto& local = locals_[i];
        if (!is_spare_fallback(i)) continue;
        const bool settled = std::ranges::any_of(models_[i].endpoints, [&](EndpointIndex e) {
            return endpoints_.view(e).up && now - endpoints_.view(e).changed >= rules_.restore_after;
        });
        if (!settled) continue;
        if (local.state == LocalState::ready && local.leases == 0 && !is_wanted(i)) {
            note({.model = i,
                  .event = Event::restore,
                  .outcome = "its server is back: the fallback worker makes room for what it had displaced",
                  .asked = local.reserved});
            begin_stop(i, out);
        } else if (local.state == LocalState::absent) {
            // Until they are there: at first there may be no room yet.
            std::erase_if(local.displaced, [&](ModelIndex other) {
                return locals_[other].state == LocalState::ready || models_[other].retired;
            });
            if (now < local.next_restore) continue;
            local.next_restore = now + restore_interval;
            for (const auto other : std::vector(local.displaced)) {
                auto actions = preload(other);
                out.insert(out.end(), actions.begin(), actions.end());
            }
        }
    }
}

}  // namespace sarai::pool
