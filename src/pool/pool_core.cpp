#include "pool/pool_core.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace sarai::pool {
namespace {

// Failures that say something about the endpoint as a whole. 401/403/404/429 do not: they are about the key, the model
// or the moment, and the next request may be fine. Nor does an answer that is none (500): other requests may go well,
// and one that breaks its runner must not take the server from every model.
bool is_endpoints_fault(Code code) { return code == Code::unavailable || code == Code::timeout; }

// Failures after which another backend may do better. A bad request stays bad everywhere, and a fallback is there for
// the loss of a server, not for what its model cannot do: nothing is displaced for that.
bool another_may_do(Code code) {
    switch (code) {
        case Code::invalid_argument:
        case Code::cancelled:
        case Code::unauthorized:
        case Code::unsupported:
        case Code::too_large: return false;
        default: return true;
    }
}

}  // namespace

std::string_view name_of(LocalState state) {
    switch (state) {
        case LocalState::absent: return "unloaded";
        case LocalState::measuring: return "measuring";
        case LocalState::queued: return "queued";
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
      preloading_(models_.size()),
      endpoint_views_(endpoints_.size()),
      next_probe_(endpoints_.size()),
      wanted_budget_(rules_.budget) {}

// ---------------------------------------------------------------- tickets

Actions PoolCore::acquire(Clock::time_point now, Ticket ticket, ModelIndex model) {
    Actions out;
    now_ = now;
    tickets_[ticket] = TicketState{.model = model};
    advance(now, ticket, out);
    serve_queue(out);  // what was only preloading may now be wanted
    return out;
}

// Walks the chain: endpoints that are up, then the local worker, then the model that stands in, then, where there is
// nothing else, endpoints that are down, because trying is all that is left.
void PoolCore::advance(Clock::time_point now, Ticket ticket, Actions& out) {
    auto& state = tickets_.at(ticket);
    const auto& spec = models_[state.model];
    const auto untried = [&](EndpointIndex endpoint) { return !std::ranges::contains(state.tried, endpoint); };

    for (const auto endpoint : spec.endpoints) {
        const auto& view = endpoint_views_[endpoint];
        if (!untried(endpoint)) continue;
        if (!view.up) {
            if (spec.has_local || (spec.stand_in && !state.stands_in_for)) state.tried.push_back(endpoint);
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
        if (local.state == LocalState::ready && !local.draining)
            return grant(ticket, state, {.model = state.model}, out);
        state.waiting = true;
        if (local.state == LocalState::absent) want_worker(state.model, out);
        return;
    }
    if (spec.stand_in && !state.stands_in_for && !spec.endpoints.empty()) {
        state.stands_in_for = std::exchange(state.model, *spec.stand_in);
        state.tried.clear();
        return advance(now, ticket, out);
    }
    for (const auto endpoint : spec.endpoints)
        if (untried(endpoint)) return grant(ticket, state, {.model = state.model, .endpoint = endpoint}, out);
    refuse(ticket, Error{.code = Code::unavailable, .message = fmt::format("model '{}' has no backend", spec.name)},
           out);
}

void PoolCore::grant(Ticket ticket, TicketState& state, Route route, Actions& out) {
    state.waiting = false;
    locals_[state.model].last_used = ++uses_;
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
    if (state.stands_in_for) {
        route.fallback = true;
        route.reason = fmt::format("model '{}' stands in for '{}', because {}", models_[state.model].name,
                                   models_[*state.stands_in_for].name, why_passed_over(state));
    }
    if (route.fallback)
        note({.model = state.stands_in_for.value_or(state.model), .event = Event::fallback, .outcome = route.reason});
    state.granted = route;
    out.emplace_back(Grant{ticket, std::move(route)});
}

std::string PoolCore::why_passed_over(const TicketState& state) const {
    std::vector<std::string_view> reasons;  // in the chain's order
    std::vector<EndpointIndex> chain;
    if (state.stands_in_for) chain = models_[*state.stands_in_for].endpoints;
    for (const auto endpoint : models_[state.model].endpoints)
        if (!std::ranges::contains(chain, endpoint)) chain.push_back(endpoint);
    for (const auto endpoint : chain)
        if (const auto found = state.passed_over.find(endpoint); found != state.passed_over.end())
            reasons.push_back(found->second);
    return fmt::format("{}", fmt::join(reasons, "; "));
}

// Also of what the local worker answered: whoever asked for a remote model should read why it was not that one.
void PoolCore::refuse(Ticket ticket, Error error, Actions& out) {
    const auto& state = tickets_.at(ticket);
    if (!state.passed_over.empty())
        error.message += fmt::format(" (the {} was needed because {})",
                                     state.stands_in_for ? "other model" : "local fallback", why_passed_over(state));
    tickets_.erase(ticket);
    out.emplace_back(Refuse{ticket, std::move(error)});
}

void PoolCore::drop_lease(TicketState& state) {
    if (!state.granted) return;
    if (state.granted->endpoint)
        --endpoint_views_[*state.granted->endpoint].leases;
    else if (--locals_[state.model].leases == 0)
        locals_[state.model].idle_since = now_;
    state.granted.reset();
}

Actions PoolCore::attempt_failed(Clock::time_point now, Ticket ticket, const Error& error) {
    Actions out;
    now_ = now;
    after_attempt(now, ticket, error, out);
    serve_queue(out);
    return out;
}

void PoolCore::after_attempt(Clock::time_point now, Ticket ticket, const Error& error, Actions& out) {
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !found->second.granted) return;
    auto& state = found->second;
    const auto endpoint = state.granted->endpoint;
    const bool was_local = !endpoint;
    drop_lease(state);
    if (endpoint && is_endpoints_fault(error.code)) mark_down(now, *endpoint, error);
    if (!another_may_do(error.code)) {
        tickets_.erase(found);
        out.emplace_back(Refuse{ticket, error});
        return;
    }
    // A worker that died under the request before it answered is started again, once per request. One that lives and
    // fails would fail again.
    if (was_local) {
        if (state.local_attempts > 1 || error.code != Code::unavailable) {
            refuse(ticket, error, out);
            return;
        }
        if (locals_[state.model].state == LocalState::ready && state.worker == incarnations_[state.model]) {
            state.waiting = true;
            state.reaped_by = now + rules_.reap_wait;
            state.failure = error;
            return;
        }
    }
    if (endpoint) {
        state.passed_over[*endpoint] = fmt::format("{} failed: {}", endpoints_[*endpoint].name, error.message);
        const auto& spec = models_[state.model];
        const bool more = spec.has_local || (spec.stand_in && !state.stands_in_for) ||
                          std::ranges::any_of(spec.endpoints, [&](EndpointIndex other) {
                              return !std::ranges::contains(state.tried, other);
                          });
        if (!more) {  // the failure itself says more than "no backend answers"
            tickets_.erase(found);
            out.emplace_back(Refuse{ticket, error});
            return;
        }
    }
    advance(now, ticket, out);
}

Actions PoolCore::endpoint_failed(Clock::time_point now, EndpointIndex endpoint, const Error& error) {
    Actions out;
    now_ = now;
    if (is_endpoints_fault(error.code)) mark_down(now, endpoint, error);
    serve_queue(out);  // a fallback worker is no longer spare
    return out;
}

Actions PoolCore::release(Clock::time_point now, Ticket ticket) {
    Actions out;
    now_ = now;
    if (const auto found = tickets_.find(ticket); found != tickets_.end()) {
        drop_lease(found->second);
        tickets_.erase(found);
        serve_queue(out);
    }
    return out;
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
    now_ = now;
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
    Actions out;
    serve_queue(out);  // a fallback worker may have become spare
    return out;
}

Actions PoolCore::tick(Clock::time_point now) {
    Actions out;
    now_ = now;
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
    unload_idle(now, out);
    restore_displaced(now, out);
    serve_queue(out);
    return out;
}

// ---------------------------------------------------------------- decisions

std::string_view name_of(Event event) {
    switch (event) {
        case Event::load: return "load";
        case Event::wait: return "wait";
        case Event::refuse: return "refuse";
        case Event::evict: return "evict";
        case Event::expire: return "expire";
        case Event::fallback: return "fallback";
        case Event::restore: return "restore";
    }
    return "load";
}

void PoolCore::note(Decision decision) {
    constexpr std::size_t kept = 256;
    decision.at = now_;
    // While a server is down every request falls back for the same reason: told once, and counted.
    for (auto last = decisions_.rbegin(); last != decisions_.rend(); ++last) {
        if (last->model != decision.model) continue;
        if (last->event != Event::fallback || decision.event != Event::fallback) break;
        last->at = now_;
        last->outcome = std::move(decision.outcome);
        ++last->times;
        return;
    }
    if (decisions_.size() == kept) decisions_.pop_front();
    decisions_.push_back(std::move(decision));
}

}  // namespace sarai::pool
