// Room for local workers: their events, and how one of them comes to its memory.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "pool/pool_room.hpp"

namespace sarai::pool {
namespace {

using namespace std::chrono_literals;

// An idle llama-server ends within 0.2 s of SIGTERM, and its memory is then back.
constexpr std::chrono::milliseconds stop_time = 200ms;

bool has_process(LocalState state) {
    return state == LocalState::loading || state == LocalState::ready || state == LocalState::stopping;
}

}  // namespace

PoolCore::Room PoolCore::room() const {
    Room room{.free = rules_.budget - reserved(), .places = rules_.max_concurrent_llms - generative_processes()};
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (locals_[i].state == LocalState::stopping || locals_[i].draining)
            room.will_return(locals_[i].reserved, models_[i].generative);
    room.will_return(aside_, false);
    for (const auto& waiting : awaiting_) room.promise(waiting.planned, models_[waiting.model].generative);
    return room;
}

Bytes PoolCore::reserved() const {
    Bytes sum = rules_.own + aside_;
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

// By a request: preloading makes use of room, but nobody has to go for it.
bool PoolCore::is_wanted(ModelIndex model) const {
    return std::ranges::any_of(tickets_,
                               [&](const auto& entry) { return entry.second.waiting && entry.second.model == model; });
}

std::chrono::milliseconds PoolCore::reload_of(ModelIndex model) const { return expected_load(locals_[model].needs); }

// ---------------------------------------------------------------- events

Actions PoolCore::preload(ModelIndex model) {
    Actions out;
    locals_[model].ahead_of_request = false;  // it is to be there from now on, whoever asks
    if (!models_[model].has_local || locals_[model].state == LocalState::ready) return out;
    preloading_[model] = true;  // one that is being stopped comes back as soon as its worker is gone
    if (locals_[model].state == LocalState::absent) want_worker(model, out);
    return out;
}

Actions PoolCore::measured(ModelIndex model, const Result<Needs>& needs) {
    Actions out;
    auto& local = locals_[model];
    if (local.state != LocalState::measuring) return out;
    if (!needs) {
        note({.model = model, .event = Event::refuse, .outcome = needs.error().message});
        // A node that is off or full, a disk that does not answer: the file is none the worse for it.
        const auto code = needs.error().code;
        if (code != Code::unavailable && code != Code::no_memory && code != Code::io)
            note_failed_load(model, needs.error());
        give_up(model, needs.error(), out);
    } else {
        local.needs = countable(*needs);
        find_room(model, out);
    }
    serve(out);
    return out;
}

Actions PoolCore::worker_ready(ModelIndex model, std::chrono::milliseconds load_time) {
    Actions out;
    auto& local = locals_[model];
    if (local.state != LocalState::loading) return out;
    local.state = LocalState::ready;
    local.last_error.reset();
    (local.media_form ? local.failed_media_loads : local.failed_loads) = 0;
    local.idle_since = local.ready_since = now_;
    if (load_time.count() > 0) local.needs.load_time = load_time;
    preloading_[model] = false;
    // Also where it has to go again: each load serves those that waited for it.
    for (auto& [ticket, state] : tickets_)
        state.owed = state.owed || (state.waiting && state.model == model && suits(model, state));
    if (!local.reduction.text_only) local.media_used = now_;
    serve(out);
    return out;
}

Actions PoolCore::worker_gone(ModelIndex model, const Error& why) {
    Actions out;
    auto& local = locals_[model];
    if (!has_process(local.state)) return out;
    const bool while_loading = local.state == LocalState::loading;
    bool comes_back = local.state == LocalState::stopping;
    const bool wanted_to_stop = comes_back;
    if (local.state == LocalState::ready) note_death(model);
    local.state = LocalState::absent;
    local.reserved = {};
    local.draining = local.drain_asked = local.changing_form = false;
    local.ahead_of_request = false;
    if (!wanted_to_stop) local.last_error = why;
    for (auto& [ticket, state] : tickets_)
        if (state.model == model) {
            state.reaped_by.reset();
            state.owed = false;
        }
    if (while_loading) {
        note({.model = model, .event = Event::refuse, .outcome = why.message});
        note_failed_load(model, why);
        comes_back = give_up_media(model, why, out);
        if (!comes_back) {
            preloading_[model] = false;
            refuse_waiting(model, why, out);
        }
    }
    // Those in the queue come first: they have waited for this memory.
    serve(out);
    // Also one that left only to come back in another form.
    if ((is_wanted(model) || (comes_back && preloading_[model])) && local.state == LocalState::absent) {
        want_worker(model, out);
        serve(out);
    }
    return out;
}

// A worker that a certain request kills, or whose machine is short of something, would else be loaded without end.
void PoolCore::note_death(ModelIndex model) {
    auto& local = locals_[model];
    local.short_lives = now_ - local.ready_since < rules_.short_life ? local.short_lives + 1 : 0;
    if (local.short_lives < 2) return;  // once is an accident
    const auto pause = std::chrono::seconds(1) * (1U << std::min(local.short_lives - 2, 10));
    local.not_before = now_ + std::min<Clock::duration>(pause, rules_.restart_pause_max);
}

Actions PoolCore::stop(ModelIndex model) {
    Actions out;
    const auto state = locals_[model].state;
    if (has_process(state)) preloading_[model] = false;
    if (state == LocalState::ready || state == LocalState::loading) begin_stop(model, out);
    serve(out);
    return out;
}

Result<Actions> PoolCore::unload(ModelIndex model) {
    if (const auto leases = locals_[model].leases - locals_[model].ahead; leases > 0)
        return fail(Code::busy, fmt::format("model '{}' is answering {} requests", models_[model].name, leases));
    return stop(model);
}

Actions PoolCore::drain(ModelIndex model, bool goes) {
    Actions out;
    auto& local = locals_[model];
    const bool there = local.state == LocalState::ready || local.state == LocalState::loading;
    if (goes && there) {
        local.drain_asked = local.draining = true;
        preloading_[model] = false;
    } else if (!goes) {
        local.drain_asked = false;  // serve() looks whether it still has to go for others
    }
    serve(out);
    return out;
}

Actions PoolCore::set_admission(bool open, std::string why) {
    Actions out;
    closed_ = open ? std::nullopt : std::optional(std::move(why));
    if (!open)
        for (const auto& waiting : std::exchange(awaiting_, {})) refuse_while_closed(waiting.model, out);
    serve(out);  // nobody drains for those any more
    return out;
}

// A file that cannot be loaded, a flag that the engine does not take, a worker that crashes as it starts: trying again
// with every request would cost each of them the time, and the machine its peace.
void PoolCore::note_failed_load(ModelIndex model, const Error& error) {
    auto& local = locals_[model];
    auto& failed = local.media_form ? local.failed_media_loads : local.failed_loads;
    auto& quarantined = local.media_form ? local.media_quarantined : local.quarantined;
    if (++failed < rules_.loads_to_quarantine || quarantined) return;
    quarantined = true;
    note({.model = model,
          .event = Event::quarantine,
          .outcome = fmt::format("not loaded any more{} after {} loads that failed, the last one because: {}",
                                 local.media_form ? " with its projector" : "", failed, error.message),
          .asked = local.needs.total});
}

Actions PoolCore::lift_quarantine(ModelIndex model) {
    Actions out;
    locals_[model].failed_loads = locals_[model].failed_media_loads = 0;
    locals_[model].quarantined = locals_[model].media_quarantined = false;
    locals_[model].short_lives = 0;
    locals_[model].not_before = {};
    serve(out);
    return out;
}

bool PoolCore::refuse_in_quarantine(ModelIndex model, Actions& out) {
    const auto& local = locals_[model];
    if (!local.quarantined) return false;
    Error error = local.last_error.value_or(Error{.code = Code::unavailable, .message = "unknown"});
    constexpr std::string_view begin = "is in quarantine after ";
    if (!error.message.contains(begin))
        error.message = fmt::format("model '{}' {}{} loads that failed: {}", models_[model].name, begin,
                                    local.failed_loads, error.message);
    error.hint = fmt::format("It is tried again when its file or its configuration changes, or with \"sarai load {}\".",
                             models_[model].name);
    give_up(model, std::move(error), out);
    return true;
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
    serve(out);
    return out;
}

PoolCore::Aside PoolCore::set_aside(Bytes bytes, Actions& out) {
    if (closed_) return Aside::never;
    const auto room = this->room();
    // What waits for the end of what is set aside already is not made to wait for more.
    const bool others_first = !awaiting_.empty() && bytes > room.available() - aside_;
    if (bytes <= room.free && !others_first) {
        aside_ += bytes;
        return Aside::granted;
    }
    if (!awaiting_.empty() || bytes <= room.free + room.coming) return Aside::later;
    const auto missing = bytes - room.free - room.coming;
    if (rules_.policy == Policy::never_unload || idle_bytes() < missing) return Aside::never;
    unload_oldest(missing, "unloaded for a conversion or a large request", out);
    return Aside::later;
}

PoolCore::Aside PoolCore::keep(Bytes total, Actions& out) {
    const auto more = total - kept_;
    if (more > Bytes{}) {
        if (const auto granted = set_aside(more, out); granted != Aside::granted) return granted;
        aside_ -= more;
    }
    rules_.own += more;
    kept_ = total;
    if (more < Bytes{}) serve(out);
    return Aside::granted;
}

Actions PoolCore::give_back(Bytes bytes) {
    Actions out;
    aside_ -= bytes;
    serve(out);
    return out;
}

void PoolCore::shrink_to_budget(Actions& out) {
    rules_.budget = std::max(wanted_budget_, reserved());
    auto excess = reserved() - aside_ - wanted_budget_;  // nobody goes for what passes
    if (excess <= Bytes{} || rules_.policy == Policy::never_unload) return;
    for (const auto& local : locals_)
        if (local.state == LocalState::stopping) excess -= local.reserved;
    unload_oldest(excess, "unloaded for a smaller budget", out);
}

// Who may go, the longest unused first.
std::vector<ModelIndex> PoolCore::idle_ones() const {
    std::vector<ModelIndex> idle;
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (can_be_stopped(i)) idle.push_back(i);
    std::ranges::sort(idle, {}, [&](ModelIndex i) { return std::pair(locals_[i].last_used, i); });
    return idle;
}

Bytes PoolCore::idle_bytes() const {
    Bytes sum;
    for (const auto model : idle_ones()) sum += locals_[model].reserved;
    return sum;
}

void PoolCore::unload_oldest(Bytes excess, std::string_view why, Actions& out) {
    for (const auto model : idle_ones()) {
        if (excess <= Bytes{}) return;
        excess -= locals_[model].reserved;
        note({.model = model, .event = Event::evict, .outcome = std::string(why), .asked = locals_[model].reserved});
        begin_stop(model, out);
    }
}

// ---------------------------------------------------------------- one load

void PoolCore::want_worker(ModelIndex model, Actions& out) {
    if (refuse_in_quarantine(model, out) || refuse_while_closed(model, out)) return;
    auto& local = locals_[model];
    if (waits_for_media(model) && refuse_quarantined_media(model, out) && !is_wanted(model) && !preloading_[model])
        return;
    if (now_ < local.not_before) {  // each tick looks again, also for a server that is back; a preload is given up
        preloading_[model] = false;
        for (auto& [ticket, state] : tickets_)
            if (state.waiting && state.model == model) {
                state.waiting = false;
                state.parked = true;
            }
        return;
    }
    // Before anything is measured: where all places are taken by models that stay, memory does not matter.
    int staying = 0;
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        staying += has_place(i) && !locals_[i].drain_asked && models_[i].generative &&
                           !may_evict(model, i, rules_.policy) && i != model
                       ? 1
                       : 0;
    }
    if (models_[model].generative && staying >= rules_.max_concurrent_llms) {
        auto error = no_place(model);
        note({.model = model, .event = Event::refuse, .outcome = error.message});
        return give_up(model, std::move(error), out);
    }
    local.state = LocalState::measuring;
    // Once it has seen media it keeps what they take, until media_ttl.
    local.media_form = local.media_form || waits_for_media(model);
    local.reduction = form_for(model, local.media_form);
    out.emplace_back(Measure{model, local.reduction});
}

// Refuses those who wait; the next ticket tries again. Of a form with its projector only who brings media: the others
// are served without.
void PoolCore::give_up(ModelIndex model, Error error, Actions& out) {
    auto& local = locals_[model];
    local.state = LocalState::absent;
    local.ahead_of_request = false;
    local.last_error = std::move(error);
    if (give_up_media(model, *local.last_error, out)) {
        if (is_wanted(model) || preloading_[model]) want_worker(model, out);
        return;
    }
    preloading_[model] = false;
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
    locals_[model].draining = locals_[model].drain_asked = false;
    out.emplace_back(Stop{model});
}

// Lists the ways to have the model in memory and takes the one that costs the least time: that until its own first
// token, and that of the next requests for what it displaces, which are certain to come sooner or later. So whatever
// may be given up goes before another model does.
void PoolCore::find_room(ModelIndex model, Actions& out) {
    if (refuse_while_closed(model, out)) return;
    auto& local = locals_[model];
    const auto& spec = models_[model];
    if (spec.retired && !is_wanted(model)) {  // it was to be loaded when it was taken away
        local.state = LocalState::absent;
        return;
    }
    const auto room = this->room();
    if (drop_prefetch(model, room)) return;
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
        return enqueue(
            now ? Event::load : Event::wait,
            fmt::format("loads {}{}", as_asked, now ? "" : ", once what is being unloaded or converted is gone"));
    }

    // What goes anyway, after a reload: waiting for it costs nobody anything, and no model is made smaller for it.
    if (auto retired = victims_for(model, needed - room.available(), !place, rules_.policy, going(), true)) {
        decision.options = {{.what = as_asked, .needs = needed, .cost = load}};
        return enqueue(Event::wait,
                       fmt::format("loads {}, once what was retired by a reload has answered its requests", as_asked));
    }

    // Ways to go smaller, further where one was measured and is too large; measured before anything is reserved.
    std::optional<Step> step;
    if (place) {
        for (auto& candidate : steps_down(local.needs, spec.may_give_up, local.reduction)) {
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
    if (step) {  // always quicker than to unload, which takes the same load and those of others later
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

}  // namespace sarai::pool
