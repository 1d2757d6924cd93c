#include "pool/pool_core.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace sarai::pool {
namespace {

// Failures after which another backend may do better. A bad request stays bad everywhere, and a fallback is there for
// the loss of a server, not for what its model cannot do: nothing is displaced for that.
bool another_may_do(Code code) {
    switch (code) {
        case Code::cancelled:
        case Code::unauthorized: return false;
        default: return !is_requests_fault(code);
    }
}

// So long an endpoint is waited for that asked to be left alone.
constexpr std::chrono::seconds short_rest{5};

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
      endpoints_(std::move(endpoints), rules.health),
      locals_(models_.size()),
      incarnations_(models_.size()),
      preloading_(models_.size()),
      service_(models_.size()),
      wanted_budget_(rules_.budget) {}

// ---------------------------------------------------------------- tickets

Actions PoolCore::acquire(Clock::time_point now, Ticket ticket, ModelIndex model, Ask ask) {
    Actions out;
    now_ = now;
    auto& state = tickets_[ticket] = TicketState{.ask = std::move(ask), .arrived = now, .model = model};
    know_client(state.ask.client);
    advance(now, ticket, out);
    refuse_if_full(ticket, out);
    serve(out);  // what was only preloading may now be wanted
    return out;
}

// Walks the chain: an endpoint that is free; else, where one is only busy, its turn there; else the local worker, then
// the model that stands in, then, where there is nothing else, endpoints that are down, because trying is all that is
// left.
void PoolCore::advance(Clock::time_point now, Ticket ticket, Actions& out) {
    auto& state = tickets_.at(ticket);
    const auto& spec = models_[state.model];
    state.parked = false;
    // What was said of those that are still to be tried may have changed since.
    std::erase_if(state.passed_over, [&](const auto& entry) {
        return std::ranges::contains(spec.endpoints, entry.first) && !std::ranges::contains(state.tried, entry.first);
    });
    std::vector<EndpointIndex> open;
    std::vector<EndpointIndex> asleep;
    bool is_full = false;
    bool is_trying = false;
    bool is_waking = false;
    std::optional<Clock::time_point> rested;  // when the first of those that rest may be asked again
    const bool here = state.ask.here && spec.has_local;
    for (const auto endpoint : spec.endpoints) {
        if (here || std::ranges::contains(state.tried, endpoint)) continue;
        const auto& name = endpoints()[endpoint].name;
        switch (endpoints_.state(now, endpoint, spec.distance)) {
            using enum Endpoints::State;
            case free: open.push_back(endpoint); break;
            case full: is_full = true; break;
            case trying:
                is_trying = true;
                state.passed_over[endpoint] = fmt::format("{} was down and is being tried again", name);
                break;
            case resting: {
                const auto until = endpoints_.view(endpoint).resting_until;
                rested = std::min(rested.value_or(until), until);
                state.passed_over[endpoint] = fmt::format("{} asked to be left alone for {} s", name,
                                                          std::chrono::ceil<std::chrono::seconds>(until - now).count());
                break;
            }
            case down:
                state.passed_over[endpoint] = how_down(now, endpoint);
                asleep.push_back(endpoint);
                break;
            case far:
                state.passed_over[endpoint] = fmt::format(
                    "{} is {:.0f} ms away and \"wan\" is never for this model", name,
                    std::chrono::duration<double, std::milli>(endpoints_.view(endpoint).round_trip).count());
                break;
        }
    }
    if (!open.empty()) {
        const auto choice = endpoints_.choose(state.model, state.ask.conversation, spec.distance, open);
        Route route{.model = state.model, .endpoint = choice.endpoint, .reason = std::string(choice.why)};
        return grant(ticket, state, std::move(route), out);
    }
    if (is_full) {
        state.parked = true;
        return;
    }
    for (const auto endpoint : asleep) {  // nobody else is well
        if (endpoints_.wake(now, endpoint, rules_.wake_interval, rules_.wake_time)) out.emplace_back(Wake{endpoint});
        is_waking = is_waking || endpoints_.is_waking(now, endpoint, rules_.wake_time);
    }
    const bool cannot_load =
        locals_[state.model].state == LocalState::absent && (locals_[state.model].quarantined || closed_.has_value());
    if (spec.has_local && !(is_waking && cannot_load)) {
        auto& local = locals_[state.model];
        if (local.state == LocalState::ready && !local.draining && !local.changing_form && suits(state.model, state)) {
            if (has_slot(state.model)) return grant(ticket, state, {.model = state.model}, out);
            state.owed = true;
        }
        state.waiting = true;
        if (local.state == LocalState::absent) want_worker(state.model, out);
        return;
    }
    if (spec.stand_in && !state.stands_in_for && !spec.endpoints.empty()) {
        state.stands_in_for = std::exchange(state.model, *spec.stand_in);
        state.tried.clear();
        return advance(now, ticket, out);
    }
    if (is_trying || is_waking) {
        state.parked = true;
        return;
    }
    if (rested) {
        const auto wait = std::chrono::ceil<std::chrono::seconds>(*rested - now);
        if (wait <= short_rest) {  // a tick will look again
            state.parked = true;
            return;
        }
        return refuse(
            ticket,
            Error{.code = Code::rate_limited,
                  .message = fmt::format("model '{}' cannot be asked now: {}", spec.name, why_passed_over(state)),
                  .retry_after = wait},
            out);
    }
    for (const auto endpoint : spec.endpoints)
        if (!std::ranges::contains(state.tried, endpoint)) {
            // One that was silent would keep this request waiting as well. One that could not be reached says so soon.
            const auto& view = endpoints_.view(endpoint);
            if (view.last_error && view.last_error->code == Code::timeout) continue;
            if (endpoints_.state(now, endpoint, spec.distance) == Endpoints::State::far) continue;
            const auto capacity = endpoints()[endpoint].capacity;
            if (capacity == 0 || view.leases < capacity)
                return grant(ticket, state, {.model = state.model, .endpoint = endpoint}, out);
            state.parked = true;
        }
    if (state.parked) return;
    refuse(ticket,
           Error{.code = Code::unavailable,
                 .message = spec.endpoints.empty()
                                ? fmt::format("model '{}' has no backend", spec.name)
                                : fmt::format("model '{}' cannot be reached: {}", spec.name, why_passed_over(state)),
                 .retry_after = spec.endpoints.empty()
                                    ? std::chrono::seconds{}
                                    : std::chrono::ceil<std::chrono::seconds>(rules_.health.probe_interval_max)},
           out);
}

// Somebody else than the endpoints of its model.
bool PoolCore::has_other_backend(const TicketState& state) const {
    const auto& spec = models_[state.model];
    return spec.has_local || (spec.stand_in && !state.stands_in_for);
}

bool PoolCore::could_move(Ticket ticket, bool to_worker, bool to_other_model) const {
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !found->second.granted || !found->second.granted->endpoint) return false;
    const auto& state = found->second;
    const auto& spec = models_[state.model];
    for (const auto other : spec.endpoints)
        if (other != *state.granted->endpoint && endpoints_.view(other).up &&
            !std::ranges::contains(state.tried, other))
            return true;
    if (spec.has_local) {
        const auto& local = locals_[state.model];
        const bool is_there = local.state == LocalState::ready || local.state == LocalState::loading;
        const bool fits = local.needs.total == Bytes{} || could_ever_have(state.model, local.needs.total);
        return to_worker && !local.quarantined && (is_there || fits);
    }
    return to_other_model && spec.stand_in && !state.stands_in_for;
}

std::string PoolCore::how_down(Clock::time_point now, EndpointIndex endpoint) const {
    const auto& view = endpoints_.view(endpoint);
    return fmt::format("{} is down since {} s: {}", endpoints()[endpoint].name,
                       std::chrono::duration_cast<std::chrono::seconds>(now - view.changed).count(),
                       view.last_error ? view.last_error->message : "unknown");
}

void PoolCore::grant(Ticket ticket, TicketState& state, Route route, Actions& out) {
    state.waiting = state.parked = state.owed = false;
    state.runs = true;
    state.granted_at = now_;
    locals_[state.model].last_used = ++uses_;
    note_served(state.ask.client);
    const auto& chain = models_[state.model].endpoints;
    if (route.endpoint) {
        const bool is_up = endpoints_.view(*route.endpoint).up;
        route.fallback = is_up && std::ranges::any_of(state.passed_over, [&](const auto& entry) {
                             return entry.first != *route.endpoint;
                         });
        if (!is_up)
            route.reason =
                fmt::format("tried although it is down, because nothing else is left: {}", why_passed_over(state));
        else if (route.fallback)
            route.reason = fmt::format("next endpoint, because {}", why_passed_over(state));
        else if (route.reason.empty())
            route.reason = "remote endpoint first in the chain";
        else
            route.reason = fmt::format("endpoint of {}: {}", chain.size(), route.reason);
        state.tried.push_back(*route.endpoint);
        state.visit = endpoints_.began(*route.endpoint);
    } else {
        // None was passed over where somebody wished for the worker itself.
        route.fallback = !chain.empty() && !state.passed_over.empty();
        if (route.fallback)
            route.reason = fmt::format("local fallback, because {}", why_passed_over(state));
        else if (state.local_attempts > 0)
            route.reason = "local worker, started again after it died";
        else
            route.reason = chain.empty() ? "local worker is the model's backend" : "local worker, as was wished";
        take_slot(state);
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

void PoolCore::take_slot(TicketState& state) {
    auto& local = locals_[state.model];
    ++state.local_attempts;
    state.worker = incarnations_[state.model];
    ++local.leases;
    ++local.running;
    if (state.ahead) {
        ++local.ahead;
        return;
    }
    ++local.slot_uses;
    local.ahead_of_request = false;
    if (state.ask.media) local.media_used = now_;
    local.keep_alive = state.ask.keep_alive;
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
    if (!state.passed_over.empty() && (models_[state.model].has_local || state.stands_in_for))
        error.message += fmt::format(" (the {} was needed because {})",
                                     state.stands_in_for ? "other model" : "local fallback", why_passed_over(state));
    erase(ticket);
    out.emplace_back(Refuse{ticket, std::move(error)});
}

void PoolCore::erase(Ticket ticket) {
    const auto found = tickets_.find(ticket);
    forget_client(found->second.ask.client);
    tickets_.erase(found);
}

void PoolCore::drop_lease(TicketState& state) {
    if (!state.granted) return;
    stop_running(state);
    if (!state.granted->endpoint && std::exchange(state.ahead, false)) --locals_[state.model].ahead;
    if (!state.granted->endpoint && --locals_[state.model].leases == 0) locals_[state.model].idle_since = now_;
    state.granted.reset();
}

void PoolCore::stop_running(TicketState& state) {
    if (!state.runs) return;
    state.runs = false;
    if (state.granted->endpoint)
        endpoints_.ended(*state.granted->endpoint, state.visit);
    else
        --locals_[state.model].running;
}

Actions PoolCore::answered(Clock::time_point now, Ticket ticket, Came what) {
    Actions out;
    now_ = now;
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !found->second.granted) return out;
    auto& state = found->second;
    if (const auto endpoint = state.granted->endpoint) {
        const auto before = endpoints_.view(*endpoint).breaker;
        endpoints_.answered(now, *endpoint);
        endpoints_.remember(state.model, state.ask.conversation, *endpoint);
        state.visit.trial = false;
        if (what == Came::first_token) note_first_token(state, now - state.granted_at);
        if (before != Breaker::closed) serve(out);
    }
    return out;
}

Actions PoolCore::finished(Clock::time_point now, Ticket ticket) {
    Actions out;
    now_ = now;
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !found->second.granted || !found->second.runs) return out;
    auto& state = found->second;
    auto& mean = service_[state.model];
    const std::chrono::duration<double> took = now - state.granted_at;
    mean = mean.count() == 0 ? took : mean * 0.8 + took * 0.2;  // about the last ten
    stop_running(state);
    serve(out);
    return out;
}

Actions PoolCore::attempt_failed(Clock::time_point now, Ticket ticket, const Error& error) {
    Actions out;
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !found->second.granted) return out;
    now_ = now;
    after_attempt(now, ticket, error, out);
    serve(out);
    return out;
}

void PoolCore::after_attempt(Clock::time_point now, Ticket ticket, const Error& error, Actions& out) {
    auto& state = tickets_.at(ticket);
    const auto endpoint = state.granted->endpoint;
    const bool was_local = !endpoint;
    const auto visit = state.visit;
    drop_lease(state);
    state.arrived = now;  // from here on it waits again
    if (endpoint) endpoints_.failed(now, *endpoint, error, visit);
    if (!another_may_do(error.code)) {
        erase(ticket);
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
    if (endpoint && !state.woke && endpoints()[*endpoint].can_wake && error.unsent && !endpoints_.view(*endpoint).up) {
        state.woke = true;  // it was asleep: not yet tried
        std::erase(state.tried, *endpoint);
    }
    if (endpoint) {
        state.passed_over[*endpoint] = fmt::format("{} failed: {}", endpoints()[*endpoint].name, error.message);
        const bool more =
            has_other_backend(state) || std::ranges::any_of(models_[state.model].endpoints, [&](EndpointIndex other) {
                return !std::ranges::contains(state.tried, other);
            });
        if (!more) {  // the failure itself says more than "no backend answers"
            erase(ticket);
            out.emplace_back(Refuse{ticket, error});
            return;
        }
    }
    advance(now, ticket, out);
}

Actions PoolCore::endpoint_failed(Clock::time_point now, EndpointIndex endpoint, const Error& error,
                                  std::optional<Ticket> by) {
    Actions out;
    now_ = now;
    const auto found = by ? tickets_.find(*by) : tickets_.end();
    endpoints_.failed(now, endpoint, error,
                      found == tickets_.end() ? endpoints_.now_at(endpoint) : found->second.visit);
    serve(out);  // a fallback worker is no longer spare
    return out;
}

Actions PoolCore::release(Clock::time_point now, Ticket ticket) {
    Actions out;
    now_ = now;
    if (const auto found = tickets_.find(ticket); found != tickets_.end()) {
        drop_lease(found->second);
        erase(ticket);
        serve(out);
    }
    return out;
}

// ---------------------------------------------------------------- endpoints

Actions PoolCore::probed(Clock::time_point now, EndpointIndex endpoint, const Result<ProbeReport>& outcome) {
    now_ = now;
    endpoints_.probed(now, endpoint, outcome);
    Actions out;
    serve(out);  // a fallback worker may have become spare, and those who wait for an endpoint may be served
    return out;
}

Actions PoolCore::tick(Clock::time_point now) {
    Actions out;
    now_ = now;
    for (const auto endpoint : endpoints_.due(now)) out.emplace_back(Probe{endpoint});
    refuse_impatient(now, out);
    std::vector<Ticket> alive;  // their worker; one that is stopping will be reaped and started again
    for (const auto& [ticket, state] : tickets_)
        if (state.reaped_by && *state.reaped_by <= now && locals_[state.model].state == LocalState::ready)
            alive.push_back(ticket);
    for (const auto ticket : alive) refuse(ticket, Error(tickets_.at(ticket).failure), out);
    unload_idle(now, out);
    leave_media_form(now, out);
    restore_displaced(now, out);
    serve(out);
    return out;
}

// ---------------------------------------------------------------- reload

ModelIndex PoolCore::add_model(ModelSpec spec) {
    models_.push_back(std::move(spec));
    locals_.emplace_back();
    incarnations_.push_back(0);
    preloading_.push_back(false);
    service_.emplace_back();
    return models_.size() - 1;
}

Actions PoolCore::retire(Clock::time_point now, ModelIndex model) {
    Actions out;
    now_ = now;
    models_[model].retired = true;
    preloading_[model] = false;
    // What its fallback has displaced comes back all the same, and what others have displaced of it.
    const auto heir = successor_of(model);
    auto displaced = std::exchange(locals_[model].displaced, {});
    if (heir)
        for (const auto other : displaced)
            if (other != *heir && !std::ranges::contains(locals_[*heir].displaced, other))
                locals_[*heir].displaced.push_back(other);
    for (auto& local : locals_) {
        const auto found = std::ranges::find(local.displaced, model);
        if (found == local.displaced.end()) continue;
        if (heir && !std::ranges::contains(local.displaced, *heir))
            *found = *heir;
        else
            local.displaced.erase(found);
    }
    serve(out);
    return out;
}

std::optional<ModelIndex> PoolCore::successor_of(ModelIndex model) const {
    for (ModelIndex i = models_.size(); i-- > 0;)
        if (i != model && !models_[i].retired && models_[i].name == models_[model].name) return i;
    return std::nullopt;
}

Actions PoolCore::set_rules(int max_concurrent_llms, Policy policy) {
    Actions out;
    rules_.max_concurrent_llms = max_concurrent_llms;
    rules_.policy = policy;
    serve(out);
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
        case Event::quarantine: return "quarantine";
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
