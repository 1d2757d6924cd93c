#include "pool/pool_core.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace sarai::pool {
namespace {

// Failures that say something about the endpoint as a whole. 401/403/404/429 do not: they are about the key, the model
// or the moment, and the next request may be fine.
bool is_endpoints_fault(Code code) {
    return code == Code::unavailable || code == Code::timeout || code == Code::upstream;
}

// Failures after which another backend may do better. A bad request stays bad everywhere.
bool another_may_do(Code code) {
    switch (code) {
        case Code::invalid_argument:
        case Code::cancelled:
        case Code::unauthorized:
        case Code::too_large: return false;
        default: return true;
    }
}

bool has_process(LocalState state) {
    return state == LocalState::loading || state == LocalState::ready || state == LocalState::stopping;
}

}  // namespace

std::string_view name_of(LocalState state) {
    switch (state) {
        case LocalState::absent: return "unloaded";
        case LocalState::measuring: return "measuring";
        case LocalState::loading: return "loading";
        case LocalState::ready: return "ready";
        case LocalState::stopping: return "stopping";
    }
    return "unloaded";
}

PoolCore::PoolCore(Rules rules, std::vector<ModelSpec> models, std::vector<EndpointSpec> endpoints)
    : rules_(rules),
      models_(std::move(models)),
      endpoints_(std::move(endpoints)),
      locals_(models_.size()),
      incarnations_(models_.size()),
      endpoint_views_(endpoints_.size()),
      next_probe_(endpoints_.size()) {}

// ---------------------------------------------------------------- tickets

Actions PoolCore::acquire(Clock::time_point now, Ticket ticket, ModelIndex model) {
    Actions out;
    tickets_[ticket] = TicketState{.model = model};
    advance(now, ticket, out);
    return out;
}

// Walks the chain: endpoints that are up, then the local worker, then, where there is nothing else, endpoints that are
// down, because trying is all that is left.
void PoolCore::advance(Clock::time_point now, Ticket ticket, Actions& out) {
    auto& state = tickets_.at(ticket);
    const auto& spec = models_[state.model];
    const auto untried = [&](EndpointIndex endpoint) { return !std::ranges::contains(state.tried, endpoint); };

    for (const auto endpoint : spec.endpoints) {
        const auto& view = endpoint_views_[endpoint];
        if (!untried(endpoint)) continue;
        if (!view.up) {
            if (spec.has_local) state.tried.push_back(endpoint);
            state.passed_over[endpoint] =
                fmt::format("{} is down since {} s: {}", endpoints_[endpoint].name,
                            std::chrono::duration_cast<std::chrono::seconds>(now - view.changed).count(),
                            view.last_error ? view.last_error->message : "unknown");
            continue;
        }
        return grant(ticket, state, {.model = state.model, .endpoint = endpoint}, out);
    }
    if (spec.has_local) {
        auto& local = locals_[state.model];
        if (local.state == LocalState::ready) return grant(ticket, state, {.model = state.model}, out);
        state.waiting = true;
        if (local.state == LocalState::absent) want_worker(state.model, out);
        return;
    }
    for (const auto endpoint : spec.endpoints)
        if (untried(endpoint)) return grant(ticket, state, {.model = state.model, .endpoint = endpoint}, out);
    refuse(ticket, Error{.code = Code::unavailable, .message = fmt::format("model '{}' has no backend", spec.name)},
           out);
}

void PoolCore::grant(Ticket ticket, TicketState& state, Route route, Actions& out) {
    state.waiting = false;
    const auto& chain = models_[state.model].endpoints;
    if (route.endpoint) {
        route.fallback = *route.endpoint != chain.front();
        if (!endpoint_views_[*route.endpoint].up)
            route.reason =
                fmt::format("tried although it is down, because nothing else is left: {}", why_passed_over(state));
        else if (route.fallback)
            route.reason = fmt::format("next endpoint, because {}", why_passed_over(state));
        else
            route.reason = "remote endpoint first in the chain";
        state.tried.push_back(*route.endpoint);
        ++endpoint_views_[*route.endpoint].leases;
    } else {
        route.fallback = !chain.empty();
        route.reason = route.fallback ? fmt::format("local fallback, because {}", why_passed_over(state))
                                      : "local worker is the model's backend";
        ++state.local_attempts;
        state.worker = incarnations_[state.model];
        ++locals_[state.model].leases;
    }
    state.granted = route;
    out.emplace_back(Grant{ticket, std::move(route)});
}

std::string PoolCore::why_passed_over(const TicketState& state) const {
    std::vector<std::string_view> reasons;  // in the chain's order
    for (const auto endpoint : models_[state.model].endpoints)
        if (const auto found = state.passed_over.find(endpoint); found != state.passed_over.end())
            reasons.push_back(found->second);
    return fmt::format("{}", fmt::join(reasons, "; "));
}

// Also of what the local worker answered: whoever asked for a remote model should read why it was not that one.
void PoolCore::refuse(Ticket ticket, Error error, Actions& out) {
    const auto& state = tickets_.at(ticket);
    if (!state.passed_over.empty())
        error.message += fmt::format(" (the local fallback was needed because {})", why_passed_over(state));
    tickets_.erase(ticket);
    out.emplace_back(Refuse{ticket, std::move(error)});
}

void PoolCore::drop_lease(TicketState& state) {
    if (!state.granted) return;
    if (state.granted->endpoint)
        --endpoint_views_[*state.granted->endpoint].leases;
    else
        --locals_[state.model].leases;
    state.granted.reset();
}

Actions PoolCore::attempt_failed(Clock::time_point now, Ticket ticket, const Error& error) {
    Actions out;
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !found->second.granted) return out;
    auto& state = found->second;
    const auto endpoint = state.granted->endpoint;
    const bool was_local = !endpoint;
    drop_lease(state);
    if (endpoint && is_endpoints_fault(error.code)) mark_down(now, *endpoint, error);
    if (!another_may_do(error.code)) {
        tickets_.erase(found);
        out.emplace_back(Refuse{ticket, error});
        return out;
    }
    // A worker that died under the request before it answered is started again, once per request. One that lives and
    // fails would fail again.
    if (was_local) {
        if (state.local_attempts > 1 || error.code != Code::unavailable) {
            refuse(ticket, error, out);
            return out;
        }
        if (locals_[state.model].state == LocalState::ready && state.worker == incarnations_[state.model]) {
            state.waiting = true;
            state.reaped_by = now + rules_.reap_wait;
            state.failure = error;
            return out;
        }
    }
    if (endpoint) {
        state.passed_over[*endpoint] = fmt::format("{} failed: {}", endpoints_[*endpoint].name, error.message);
        const auto& spec = models_[state.model];
        const bool more = spec.has_local || std::ranges::any_of(spec.endpoints, [&](EndpointIndex other) {
                              return !std::ranges::contains(state.tried, other);
                          });
        if (!more) {  // the failure itself says more than "no backend answers"
            tickets_.erase(found);
            out.emplace_back(Refuse{ticket, error});
            return out;
        }
    }
    advance(now, ticket, out);
    return out;
}

Actions PoolCore::endpoint_failed(Clock::time_point now, EndpointIndex endpoint, const Error& error) {
    if (is_endpoints_fault(error.code)) mark_down(now, endpoint, error);
    return {};
}

Actions PoolCore::release(Ticket ticket) {
    if (const auto found = tickets_.find(ticket); found != tickets_.end()) {
        drop_lease(found->second);
        tickets_.erase(found);
    }
    return {};
}

// ---------------------------------------------------------------- local workers

Actions PoolCore::preload(ModelIndex model) {
    Actions out;
    if (models_[model].has_local && locals_[model].state == LocalState::absent) want_worker(model, out);
    return out;
}

// Those that hold a place until they are reaped.
int PoolCore::generative_processes() const {
    int count = 0;
    for (ModelIndex i = 0; i < models_.size(); ++i)
        count += models_[i].generative && has_process(locals_[i].state) ? 1 : 0;
    return count;
}

Actions PoolCore::set_admission(bool open, std::string why) {
    closed_ = open ? std::nullopt : std::optional(std::move(why));
    Actions out;
    if (!open) retry_reservations(out);
    return out;
}

bool PoolCore::refuse_while_closed(ModelIndex model, Actions& out) {
    if (!closed_) return false;
    auto& local = locals_[model];
    local.state = LocalState::absent;
    local.last_error =
        Error{.code = Code::no_memory,
              .message = fmt::format("model '{}' cannot be loaded now: {}", models_[model].name, *closed_),
              .hint = "Models that are loaded still answer."};
    refuse_waiting(model, *local.last_error, out);
    return true;
}

// The place of a stopping worker counts as free here; who gets it waits in awaiting_ until it is.
void PoolCore::want_worker(ModelIndex model, Actions& out) {
    if (refuse_while_closed(model, out)) return;
    const auto& spec = models_[model];
    auto& local = locals_[model];
    std::vector<std::string_view> holders;
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (models_[i].generative && locals_[i].state != LocalState::absent && locals_[i].state != LocalState::stopping)
            holders.push_back(models_[i].name);
    if (spec.generative && std::ssize(holders) >= rules_.max_concurrent_llms) {
        local.last_error = Error{
            .code = Code::busy,
            .message = fmt::format("model '{}' cannot be loaded: {} of {} generative models are loaded already ({})",
                                   spec.name, holders.size(), rules_.max_concurrent_llms, fmt::join(holders, ", ")),
            .hint = "Raise memory.max_concurrent_llms if memory allows."};
        return refuse_waiting(model, *local.last_error, out);
    }
    local.state = LocalState::measuring;
    out.emplace_back(Measure{model});
}

Actions PoolCore::measured(ModelIndex model, const Result<Bytes>& planned) {
    Actions out;
    auto& local = locals_[model];
    if (local.state != LocalState::measuring || std::ranges::contains(awaiting_, model, &Awaiting::model)) return out;
    if (planned) {
        reserve_or_refuse(model, *planned, out);
    } else {
        local.state = LocalState::absent;
        local.last_error = planned.error();
        refuse_waiting(model, planned.error(), out);
    }
    return out;
}

// What is free once every stopping worker was reaped and everyone in awaiting_ was served.
Bytes PoolCore::unpromised() const {
    Bytes free = rules_.budget - reserved();
    for (const auto& local : locals_)
        if (local.state == LocalState::stopping) free += local.reserved;
    for (const auto& waiting : awaiting_) free -= waiting.planned;
    return free;
}

void PoolCore::reserve_or_refuse(ModelIndex model, Bytes planned, Actions& out) {
    if (refuse_while_closed(model, out)) return;
    auto& local = locals_[model];
    if (planned > unpromised()) {  // compared, not added: a plan may be absurdly large
        local.state = LocalState::absent;
        local.last_error = does_not_fit(model, planned);
        return refuse_waiting(model, *local.last_error, out);
    }
    const bool has_place = !models_[model].generative || generative_processes() < rules_.max_concurrent_llms;
    if (!has_place || planned > rules_.budget - reserved()) {
        awaiting_.push_back({model, planned});
        return;
    }
    local.reserved = planned;
    local.state = LocalState::loading;
    ++incarnations_[model];
    out.emplace_back(Spawn{model});
}

// Memory that is coming back is told as free, and memory that is promised as held: then free and held make the budget.
Error PoolCore::does_not_fit(ModelIndex model, Bytes planned) const {
    std::vector<std::string> holders;
    if (rules_.own.count > 0) holders.push_back(fmt::format("sarai itself {}", to_string(rules_.own)));
    for (ModelIndex i = 0; i < models_.size(); ++i)
        if (locals_[i].state == LocalState::loading || locals_[i].state == LocalState::ready)
            holders.push_back(
                fmt::format("{} {} ({})", models_[i].name, to_string(locals_[i].reserved), name_of(locals_[i].state)));
    for (const auto& waiting : awaiting_)
        holders.push_back(
            fmt::format("{} {} (about to load)", models_[waiting.model].name, to_string(waiting.planned)));
    const auto free = unpromised();
    return {
        .code = Code::no_memory,
        .message = fmt::format(
            "model '{}' does not fit: it needs {} ({} bytes), {} ({} bytes) of the budget of {} are free, "
            "held by: {}",
            models_[model].name, to_string(planned), planned.count, to_string(free), free.count,
            to_string(rules_.budget), holders.empty() ? "nobody" : fmt::format("{}", fmt::join(holders, ", "))),
        .hint = fmt::format("{} more would do: raise memory.max_ram_gb, lower the model's context_length, or take a "
                            "smaller quantisation.",
                            to_string(planned - free))};
}

Actions PoolCore::worker_ready(ModelIndex model) {
    Actions out;
    auto& local = locals_[model];
    if (local.state != LocalState::loading) return out;
    local.state = LocalState::ready;
    local.last_error.reset();
    for (auto& [ticket, state] : tickets_)
        if (state.waiting && state.model == model) grant(ticket, state, {.model = model}, out);
    return out;
}

Actions PoolCore::worker_gone(ModelIndex model, const Error& why) {
    Actions out;
    auto& local = locals_[model];
    if (local.state == LocalState::absent || local.state == LocalState::measuring) return out;
    const bool while_loading = local.state == LocalState::loading;
    const bool wanted_to_stop = local.state == LocalState::stopping;
    local.state = LocalState::absent;
    local.reserved = {};
    if (!wanted_to_stop) local.last_error = why;
    for (auto& [ticket, state] : tickets_)
        if (state.model == model) state.reaped_by.reset();
    if (while_loading) refuse_waiting(model, why, out);
    retry_reservations(out);
    const bool still_wanted = std::ranges::any_of(
        tickets_, [&](const auto& entry) { return entry.second.waiting && entry.second.model == model; });
    if (still_wanted && local.state == LocalState::absent) want_worker(model, out);
    return out;
}

void PoolCore::retry_reservations(Actions& out) {
    for (const auto& [model, planned] : std::exchange(awaiting_, {})) reserve_or_refuse(model, planned, out);
}

Actions PoolCore::stop(ModelIndex model) {
    Actions out;
    auto& local = locals_[model];
    if (local.state == LocalState::ready || local.state == LocalState::loading) {
        local.state = LocalState::stopping;
        out.emplace_back(Stop{model});
    }
    return out;
}

void PoolCore::refuse_waiting(ModelIndex model, const Error& error, Actions& out) {
    std::vector<Ticket> waiting;
    for (const auto& [ticket, state] : tickets_)
        if (state.waiting && state.model == model) waiting.push_back(ticket);
    for (const auto ticket : waiting) refuse(ticket, error, out);
}

Bytes PoolCore::reserved() const {
    Bytes sum = rules_.own;
    for (const auto& local : locals_) sum += local.reserved;
    return sum;
}

// ---------------------------------------------------------------- endpoints

void PoolCore::mark_down(Clock::time_point now, EndpointIndex endpoint, const Error& error) {
    auto& view = endpoint_views_[endpoint];
    view.last_error = error;
    if (!view.up) return;
    view.up = false;
    view.changed = now;
    next_probe_[endpoint] = now + rules_.probe_interval;
}

Actions PoolCore::probed(Clock::time_point now, EndpointIndex endpoint, const Result<void>& outcome) {
    auto& view = endpoint_views_[endpoint];
    if (view.up) return {};
    if (outcome) {
        view.up = true;
        view.changed = now;
        next_probe_[endpoint].reset();
    } else {
        view.last_error = outcome.error();
        next_probe_[endpoint] = now + rules_.probe_interval;
    }
    return {};
}

Actions PoolCore::tick(Clock::time_point now) {
    Actions out;
    for (EndpointIndex i = 0; i < endpoints_.size(); ++i)
        if (next_probe_[i] && *next_probe_[i] <= now) {
            next_probe_[i] = Clock::time_point::max();
            out.emplace_back(Probe{i});
        }
    std::vector<Ticket> alive;  // their worker; one that is stopping will be reaped and started again
    for (const auto& [ticket, state] : tickets_)
        if (state.reaped_by && *state.reaped_by <= now && locals_[state.model].state == LocalState::ready)
            alive.push_back(ticket);
    for (const auto ticket : alive) refuse(ticket, Error(tickets_.at(ticket).failure), out);
    return out;
}

}  // namespace sarai::pool
