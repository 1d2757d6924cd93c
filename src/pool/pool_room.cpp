// Room for local workers: who is loaded, who waits, who makes room for whom. The other half of PoolCore.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "pool/pool_core.hpp"
#include "pool/refusal.hpp"

namespace sarai::pool {
namespace {

using namespace std::chrono_literals;

// An idle llama-server ends within 0.2 s of SIGTERM, and its memory is then back.
constexpr std::chrono::milliseconds stop_time = 200ms;

// No machine has it; sums of such plans do not overflow.
constexpr Bytes absurd{std::int64_t{1} << 56};

bool has_process(LocalState state) {
    return state == LocalState::loading || state == LocalState::ready || state == LocalState::stopping;
}

}  // namespace

// What is free now, what stopping and draining workers will give back, and what of both is promised to the queue.
struct PoolCore::Room {
    Bytes free, coming, promised;
    int places = 0, places_coming = 0, places_promised = 0;

    [[nodiscard]] Bytes available() const { return free + coming - promised; }
    [[nodiscard]] bool holds(Bytes bytes, bool generative) const {
        return bytes <= available() && (!generative || places + places_coming > places_promised);
    }
    [[nodiscard]] bool holds_now(Bytes bytes, bool generative) const {
        return bytes <= free && (!generative || places > 0);
    }
    void promise(Bytes bytes, bool generative) {
        promised += bytes;
        places_promised += generative ? 1 : 0;
    }
    void will_return(Bytes bytes, bool generative) {
        coming += bytes;
        places_coming += generative ? 1 : 0;
    }
    void take(Bytes bytes, bool generative) {
        free -= bytes;
        places -= generative ? 1 : 0;
    }
};

PoolCore::Room PoolCore::room() const {
    Room room{.free = rules_.budget - reserved(), .places = rules_.max_concurrent_llms - generative_processes()};
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (locals_[i].state == LocalState::stopping || locals_[i].draining)
            room.will_return(locals_[i].reserved, models_[i].generative);
    for (const auto& waiting : awaiting_) room.promise(waiting.planned, models_[waiting.model].generative);
    return room;
}

Bytes PoolCore::reserved() const {
    Bytes sum = rules_.own;
    for (const auto& local : locals_) sum += local.reserved;
    return sum;
}

// Those that hold a place until they are reaped.
int PoolCore::generative_processes() const {
    int count = 0;
    for (ModelIndex i = 0; i < models_.size(); ++i)
        count += models_[i].generative && has_process(locals_[i].state) ? 1 : 0;
    return count;
}

int PoolCore::waiting(ModelIndex model) const {
    return static_cast<int>(std::ranges::count_if(
        tickets_, [&](const auto& entry) { return entry.second.waiting && entry.second.model == model; }));
}

// By a request: preloading makes use of room, but nobody has to go for it.
bool PoolCore::is_wanted(ModelIndex model) const { return waiting(model) > 0; }

std::chrono::milliseconds PoolCore::reload_of(ModelIndex model) const { return expected_load(locals_[model].needs); }

// ---------------------------------------------------------------- events

Actions PoolCore::preload(ModelIndex model) {
    Actions out;
    if (!models_[model].has_local || locals_[model].state != LocalState::absent) return out;
    preloading_[model] = true;
    want_worker(model, out);
    return out;
}

Actions PoolCore::measured(ModelIndex model, const Result<Needs>& needs) {
    Actions out;
    auto& local = locals_[model];
    if (local.state != LocalState::measuring) return out;
    if (!needs) {
        give_up(model, needs.error(), out);
    } else {
        local.needs = *needs;
        local.needs.total = std::min(local.needs.total, absurd);
        find_room(model, out);
    }
    serve_queue(out);
    return out;
}

Actions PoolCore::worker_ready(ModelIndex model, std::chrono::milliseconds load_time) {
    Actions out;
    auto& local = locals_[model];
    if (local.state != LocalState::loading) return out;
    local.state = LocalState::ready;
    local.last_error.reset();
    local.idle_since = now_;
    if (load_time.count() > 0) local.needs.load_time = load_time;
    preloading_[model] = false;
    // Also where it has to go again: each load serves those that waited for it.
    for (auto& [ticket, state] : tickets_)
        if (state.waiting && state.model == model) grant(ticket, state, {.model = model}, out);
    serve_queue(out);
    return out;
}

Actions PoolCore::worker_gone(ModelIndex model, const Error& why) {
    Actions out;
    auto& local = locals_[model];
    if (!has_process(local.state)) return out;
    const bool while_loading = local.state == LocalState::loading;
    const bool wanted_to_stop = local.state == LocalState::stopping;
    local.state = LocalState::absent;
    local.reserved = {};
    local.draining = false;
    if (!wanted_to_stop) local.last_error = why;
    for (auto& [ticket, state] : tickets_)
        if (state.model == model) state.reaped_by.reset();
    if (while_loading) {
        preloading_[model] = false;
        refuse_waiting(model, why, out);
    }
    // Those in the queue come first: they have waited for this memory.
    serve_queue(out);
    if (is_wanted(model) && local.state == LocalState::absent) {
        want_worker(model, out);
        serve_queue(out);
    }
    return out;
}

Actions PoolCore::stop(ModelIndex model) {
    Actions out;
    const auto state = locals_[model].state;
    if (state == LocalState::ready || state == LocalState::loading) begin_stop(model, out);
    serve_queue(out);
    return out;
}

Result<Actions> PoolCore::unload(ModelIndex model) {
    if (const auto leases = locals_[model].leases; leases > 0)
        return fail(Code::busy, fmt::format("model '{}' is answering {} requests", models_[model].name, leases));
    return stop(model);
}

Actions PoolCore::set_admission(bool open, std::string why) {
    Actions out;
    closed_ = open ? std::nullopt : std::optional(std::move(why));
    if (!open)
        for (const auto& waiting : std::exchange(awaiting_, {})) refuse_while_closed(waiting.model, out);
    serve_queue(out);  // nobody drains for those any more
    return out;
}

bool PoolCore::refuse_while_closed(ModelIndex model, Actions& out) {
    if (!closed_) return false;
    auto message = fmt::format("model '{}' cannot be loaded now: {}", models_[model].name, *closed_);
    note({.model = model, .event = Event::refuse, .outcome = message, .asked = locals_[model].needs.total});
    give_up(model,
            {.code = Code::no_memory, .message = std::move(message), .hint = "Models that are loaded still answer."},
            out);
    return true;
}

Actions PoolCore::set_budget(Bytes budget) {
    Actions out;
    wanted_budget_ = budget;
    serve_queue(out);
    return out;
}

void PoolCore::shrink_to_budget(Actions& out) {
    rules_.budget = std::max(wanted_budget_, reserved());
    auto excess = reserved() - wanted_budget_;
    if (excess <= Bytes{} || rules_.policy == Policy::never_unload) return;
    std::vector<std::pair<std::uint64_t, ModelIndex>> idle;
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        if (locals_[i].state == LocalState::stopping) excess -= locals_[i].reserved;
        if (locals_[i].state == LocalState::ready && locals_[i].leases == 0 && !models_[i].pinned)
            idle.emplace_back(locals_[i].last_used, i);
    }
    std::ranges::sort(idle);
    for (const auto& [used, model] : idle) {
        if (excess <= Bytes{}) return;
        excess -= locals_[model].reserved;
        note({.model = model,
              .event = Event::evict,
              .outcome = "unloaded for a smaller budget",
              .asked = locals_[model].reserved});
        begin_stop(model, out);
    }
}

// ---------------------------------------------------------------- one load

void PoolCore::want_worker(ModelIndex model, Actions& out) {
    if (refuse_while_closed(model, out)) return;
    auto& local = locals_[model];
    // Before anything is measured: where all places are taken by models that stay, memory does not matter.
    int staying = 0;
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const bool comes = locals_[i].state != LocalState::absent && locals_[i].state != LocalState::stopping;
        staying += comes && models_[i].generative && !may_evict(model, i, rules_.policy) && i != model ? 1 : 0;
    }
    if (models_[model].generative && staying >= rules_.max_concurrent_llms) return give_up(model, no_place(model), out);
    local.state = LocalState::measuring;
    local.reduction = {};
    out.emplace_back(Measure{model});
}

// Refuses those who wait; the next ticket tries again.
void PoolCore::give_up(ModelIndex model, Error error, Actions& out) {
    auto& local = locals_[model];
    local.state = LocalState::absent;
    preloading_[model] = false;
    local.last_error = std::move(error);
    refuse_waiting(model, *local.last_error, out);
}

void PoolCore::begin_load(ModelIndex model, Bytes planned, Actions& out) {
    auto& local = locals_[model];
    local.reserved = planned;
    local.state = LocalState::loading;
    ++incarnations_[model];
    out.emplace_back(Spawn{model, local.reduction});
}

void PoolCore::begin_stop(ModelIndex model, Actions& out) {
    locals_[model].state = LocalState::stopping;
    locals_[model].draining = false;
    out.emplace_back(Stop{model});
}

// Weighs the ways to have the model in memory and takes the one that costs the least time: that until its own first
// token, and that of the next requests for what it displaces, which are certain to come sooner or later.
void PoolCore::find_room(ModelIndex model, Actions& out) {
    if (refuse_while_closed(model, out)) return;
    auto& local = locals_[model];
    const auto& spec = models_[model];
    const auto room = this->room();
    const auto needed = local.needs.total;
    const auto load = expected_load(local.needs);
    const bool place = !spec.generative || room.places + room.places_coming > room.places_promised;
    Decision decision{.model = model, .asked = needed, .free = std::max(Bytes{}, room.available())};
    const auto enqueue = [&](Event event, std::string outcome) {
        local.state = LocalState::queued;
        awaiting_.push_back({model, needed});
        decision.event = event;
        decision.outcome = std::move(outcome);
        note(std::move(decision));
    };
    const auto as_asked = local.reduction.any() ? describe(local.reduction) : std::string("as configured");

    if (room.holds(needed, spec.generative)) {
        const bool now = room.holds_now(needed, spec.generative);
        decision.options = {{.what = as_asked, .needs = needed, .cost = load}};
        return enqueue(now ? Event::load : Event::wait,
                       fmt::format("loads {}{}", as_asked, now ? "" : ", once what is being unloaded is gone"));
    }

    // Ways to go smaller; measured before anything is reserved, so only once.
    std::optional<Step> step;
    if (!local.reduction.any() && place) {
        for (auto& candidate : steps_down(local.needs, spec.may_give_up)) {
            const bool fits = candidate.total <= room.available();
            decision.options.push_back({.what = describe(candidate.reduction),
                                        .needs = candidate.total,
                                        .cost = load,
                                        .possible = fits,
                                        .note = fits ? "" : "still too large"});
            if (fits && !step) step = std::move(candidate);
        }
    }
    // Ways to make room.
    std::optional<std::vector<ModelIndex>> victims;
    if (is_wanted(model)) victims = victims_for(model, needed - room.available(), !place, rules_.policy, going());
    std::chrono::milliseconds eviction = load + stop_time;
    if (victims) {
        std::vector<std::string> names;
        bool busy = false;
        for (const auto victim : *victims) {
            eviction += reload_of(victim);
            busy = busy || locals_[victim].leases > 0;
            names.push_back(models_[victim].name);
        }
        decision.options.push_back({.what = fmt::format("unload {}", fmt::join(names, ", ")),
                                    .needs = needed,
                                    .cost = eviction,
                                    .note = busy ? "after the answers that are under way" : ""});
    }
    if (step && (!victims || load <= eviction)) {
        local.state = LocalState::measuring;
        local.reduction = step->reduction;
        decision.event = Event::load;
        decision.outcome = fmt::format("loads smaller than configured: {}", describe(step->reduction));
        note(std::move(decision));
        out.emplace_back(Measure{model, step->reduction});
        return;
    }
    if (victims)
        return enqueue(Event::wait, fmt::format("loads {} and makes room: {}", as_asked, decision.options.back().what));
    if (is_wanted(model) && could_ever_have(model, needed))
        return enqueue(Event::wait, fmt::format("loads {} after those that came before it", as_asked));

    decision.options.insert(decision.options.begin(),
                            {.what = as_asked, .needs = needed, .cost = load, .possible = false, .note = "too large"});
    decision.event = Event::refuse;
    auto error = place ? does_not_fit(model, room) : no_place(model);
    decision.outcome = error.message;
    note(std::move(decision));
    give_up(model, std::move(error), out);
}

// ---------------------------------------------------------------- making room

std::vector<bool> PoolCore::going() const {
    std::vector<bool> going(models_.size());
    for (ModelIndex i = 0; i < models_.size(); ++i)
        going[i] = locals_[i].draining || locals_[i].state == LocalState::stopping;
    return going;
}

// A fallback worker that has displaced others while its server was down, which is up again.
bool PoolCore::is_spare_fallback(ModelIndex model) const {
    return !locals_[model].displaced.empty() &&
           std::ranges::any_of(models_[model].endpoints, [&](EndpointIndex e) { return endpoint_views_[e].up; });
}

bool PoolCore::may_evict(ModelIndex asker, ModelIndex victim, Policy policy) const {
    if (asker == victim) return false;
    if (is_spare_fallback(victim) || std::ranges::contains(models_[asker].may_displace, victim)) return true;
    if (policy == Policy::never_unload || models_[victim].pinned) return false;
    return policy != Policy::priority || models_[victim].priority <= models_[asker].priority;
}

std::optional<std::vector<ModelIndex>> PoolCore::victims_for(ModelIndex asker, Bytes missing, bool need_place,
                                                             Policy policy, const std::vector<bool>& going) const {
    struct Candidate {
        // Spare fallbacks, then may_displace in its order (what the plan proved, so whether busy or not), then the
        // policy's choice.
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
        if (!may_evict(asker, i, policy)) continue;
        const auto& listed = models_[asker].may_displace;
        candidates.push_back({.rank = is_spare_fallback(i) ? -1 : std::ranges::find(listed, i) - listed.begin(),
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
        if (i == model || state == LocalState::stopping || may_evict(model, i, rules_.policy)) continue;
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

// Recomputed from scratch each time: who drains follows from who waits, so that nobody drains for a ticket that has
// gone, and a worker that has become idle goes rather than one that is busy.
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
    for (auto& local : locals_) local.draining = false;
    Room room{.free = rules_.budget - reserved(), .places = rules_.max_concurrent_llms - generative_processes()};
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (locals_[i].state == LocalState::stopping) room.will_return(locals_[i].reserved, models_[i].generative);

    std::deque<Awaiting> queue = std::exchange(awaiting_, {});
    while (!queue.empty()) {
        const auto [model, planned] = queue.front();
        queue.pop_front();
        const bool generative = models_[model].generative;
        if (!room.holds(planned, generative)) {
            const bool place = !generative || room.places + room.places_coming > room.places_promised;
            std::optional<std::vector<ModelIndex>> victims;
            if (is_wanted(model))
                victims = victims_for(model, planned - room.available(), !place, rules_.policy, going());
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
    for (auto& [ticket, state] : tickets_) {
        const auto& local = locals_[state.model];
        if (state.waiting && !state.reaped_by && local.state == LocalState::ready && !local.draining)
            grant(ticket, state, {.model = state.model}, out);
    }
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

void PoolCore::unload_idle(Clock::time_point now, Actions& out) {
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto& local = locals_[i];
        const auto ttl = models_[i].ttl;
        if (ttl.count() == 0 || local.state != LocalState::ready || local.leases > 0 || is_wanted(i)) continue;
        if (now - local.idle_since < ttl) continue;
        note({.model = i,
              .event = Event::expire,
              .outcome = fmt::format("unloaded after it was idle for its ttl of {} s",
                                     std::chrono::duration_cast<std::chrono::seconds>(ttl).count()),
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
            return endpoint_views_[e].up && now - endpoint_views_[e].changed >= rules_.restore_after;
        });
        if (!settled) continue;
        if (local.state == LocalState::ready && local.leases == 0 && !is_wanted(i)) {
            note({.model = i,
                  .event = Event::restore,
                  .outcome = "its server is back: the fallback worker makes room for what it had displaced",
                  .asked = local.reserved});
            begin_stop(i, out);
        } else if (local.state == LocalState::absent) {
            for (const auto other : std::exchange(local.displaced, {})) {
                auto actions = preload(other);
                out.insert(out.end(), actions.begin(), actions.end());
            }
        }
    }
}

// ---------------------------------------------------------------- refusals

void PoolCore::refuse_waiting(ModelIndex model, const Error& error, Actions& out) {
    std::vector<Ticket> waiting;
    for (const auto& [ticket, state] : tickets_)
        if (state.waiting && state.model == model) waiting.push_back(ticket);
    for (const auto ticket : waiting) refuse(ticket, error, out);
}

// Memory that is coming back is told as free, and memory that is promised as held: then free and held make the budget.
Error PoolCore::does_not_fit(ModelIndex model, const Room& room) const {
    Shortage shortage{.model = models_[model].name,
                      .needs = locals_[model].needs,
                      .free = room.available(),
                      .budget = rules_.budget,
                      .machine = rules_.machine,
                      .holders = {}};
    if (rules_.own.count > 0)
        shortage.holders.push_back({.name = "sarai itself", .bytes = rules_.own, .state = {}, .can_be_stopped = false});
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        const auto& local = locals_[i];
        if (local.state != LocalState::loading && local.state != LocalState::ready) continue;
        if (local.draining) continue;  // counted as coming back
        std::string state(name_of(local.state));
        if (local.state == LocalState::ready)
            state += local.leases == 0   ? ", idle"
                     : local.leases == 1 ? ", 1 request"
                                         : fmt::format(", {} requests", local.leases);
        if (models_[i].pinned) state += ", pinned";
        shortage.holders.push_back(
            {.name = models_[i].name,
             .bytes = local.reserved,
             .state = std::move(state),
             .can_be_stopped = local.state == LocalState::ready && local.leases == 0 && !models_[i].pinned,
             .reload = reload_of(i)});
    }
    for (const auto& waiting : awaiting_)
        shortage.holders.push_back({.name = models_[waiting.model].name,
                                    .bytes = waiting.planned,
                                    .state = "about to load",
                                    .can_be_stopped = false});
    shortage.policy_would_help =
        rules_.policy == Policy::never_unload &&
        victims_for(model, shortage.needs.total - shortage.free, false, Policy::lru, going()).has_value();
    return explain(shortage);
}

Error PoolCore::no_place(ModelIndex model) const {
    std::vector<std::string_view> holders;
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (models_[i].generative && locals_[i].state != LocalState::absent && locals_[i].state != LocalState::stopping)
            if (i != model) holders.push_back(models_[i].name);
    return {.code = Code::busy,
            .message =
                fmt::format("model '{}' cannot be loaded: {} of {} generative models are loaded already ({})",
                            models_[model].name, holders.size(), rules_.max_concurrent_llms, fmt::join(holders, ", ")),
            .hint =
                "Raise memory.max_concurrent_llms if memory allows, unload one with \"sarai stop\", or set "
                "memory.policy to lru."};
}

}  // namespace sarai::pool
