#include "pool/endpoints.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace sarai::pool {
namespace {

constexpr std::size_t kept_round_trips = 8;
constexpr std::size_t kept_conversations = 4096;
// One probe that fails may be chance; of an endpoint that was well, so many in a row are not.
constexpr int probes_to_open = 2;
// For a server that says 429 and not for how long.
constexpr auto default_rest = std::chrono::seconds(1);
// No server is left alone for a day because one answer of it, or of a proxy before it, said so.
constexpr std::chrono::seconds longest_rest = std::chrono::minutes(5);
// A conversation stays where it was as long as that endpoint has so many requests more than the least busy one at most.
constexpr double sticky_load = 2;

}  // namespace

// 401/403/404/429 are about the key, the model or the moment, and the next request may be fine. Nor is an answer that
// is none (500) the endpoint's: other requests may go well, and one that breaks its runner must not take the server
// from every model.
bool is_endpoints_fault(Code code) { return code == Code::unavailable || code == Code::timeout; }

std::string_view name_of(Breaker breaker) {
    switch (breaker) {
        case Breaker::closed: return "closed";
        case Breaker::open: return "open";
        case Breaker::half_open: return "half_open";
    }
    return "closed";
}

Endpoints::Endpoints(std::vector<EndpointSpec> specs, HealthRules rules) : rules_(rules), random_(rules.seed) {
    for (auto& spec : specs) add(std::move(spec));
}

EndpointIndex Endpoints::add(EndpointSpec spec) {
    specs_.push_back(std::move(spec));
    all_.emplace_back();
    // The first one at once: where it is, how far it is and what it has in memory is worth knowing before a request.
    if (rules_.check_interval.count() > 0) all_.back().next_probe = Clock::time_point::min();
    return all_.size() - 1;
}

void Endpoints::set_retired(EndpointIndex endpoint, bool retired) {
    auto& one = all_[endpoint];
    if (one.view.retired && !retired && rules_.check_interval.count() > 0)
        one.next_probe = Clock::time_point::min();  // how it is now nobody knows
    one.view.retired = retired;
}

bool Endpoints::wake(Clock::time_point now, EndpointIndex endpoint, Clock::duration interval, Clock::duration time) {
    auto& view = all_[endpoint].view;
    if (!specs_[endpoint].can_wake || view.up) return false;
    if (view.woken_last != Clock::time_point{} && now - view.woken_last < interval) return false;
    if (view.woken_first == Clock::time_point{} || now - view.woken_last >= time) view.woken_first = now;
    view.woken_last = now;
    return true;
}

bool Endpoints::is_waking(Clock::time_point now, EndpointIndex endpoint, Clock::duration time) const {
    const auto& view = all_[endpoint].view;
    return !view.up && view.woken_first != Clock::time_point{} && now - view.woken_first < time;
}

Clock::duration Endpoints::varied(Clock::duration interval) {
    if (rules_.jitter == 0) return interval;
    const double unit = static_cast<double>(random_() >> 11U) * 0x1p-53;  // [0, 1), the same with every library
    return std::chrono::duration_cast<Clock::duration>(interval * (1 + rules_.jitter * (2 * unit - 1)));
}

// ---------------------------------------------------------------- events

Endpoints::Visit Endpoints::began(EndpointIndex endpoint) {
    auto& one = all_[endpoint];
    ++one.view.leases;
    const bool trial = one.view.breaker == Breaker::half_open && !one.trial_runs;
    one.trial_runs = one.trial_runs || trial;
    return {.epoch = one.epoch, .trial = trial};
}

void Endpoints::ended(EndpointIndex endpoint, const Visit& visit) {
    auto& one = all_[endpoint];
    --one.view.leases;
    if (visit.trial && visit.epoch == one.epoch) one.trial_runs = false;
}

void Endpoints::answered(Clock::time_point now, EndpointIndex endpoint) {
    auto& one = all_[endpoint];
    one.failures = 0;
    one.failed_trials = 0;
    one.failed_probes = 0;
    one.trial_runs = false;
    if (one.view.breaker == Breaker::closed) return;
    // Also one that is open: a request that was tried because nothing else was left says more than a probe.
    if (!one.view.up) one.view.changed = now;
    one.view.up = true;
    one.view.woken_first = one.view.woken_last = {};
    one.view.breaker = Breaker::closed;
    one.next_probe.reset();
    if (rules_.check_interval.count() > 0) one.next_probe = now + varied(rules_.check_interval);
}

void Endpoints::failed(Clock::time_point now, EndpointIndex endpoint, const Error& error, const Visit& visit) {
    auto& one = all_[endpoint];
    const bool old_news = visit.epoch != one.epoch && !error.unsent;
    if (error.code == Code::rate_limited || error.retry_after.count() > 0) {
        const auto rest = std::clamp<std::chrono::seconds>(error.retry_after, default_rest, longest_rest);
        one.view.resting_until = std::max(one.view.resting_until, now + rest);
    }
    if (!is_endpoints_fault(error.code)) {
        // It answered, and be it with a refusal.
        const bool answer = error.code != Code::upstream && error.code != Code::cancelled;
        if (answer && one.view.breaker == Breaker::half_open && !old_news) answered(now, endpoint);
        return;
    }
    if (old_news) return;
    one.view.last_error = error;
    ++one.failures;
    if (one.view.breaker == Breaker::half_open && (visit.trial || error.unsent))
        ++one.failed_trials;
    else if (!error.unsent && one.failures < rules_.failures_to_open)
        return;
    open(now, one);
}

void Endpoints::open(Clock::time_point now, One& one) {
    if (one.view.breaker == Breaker::open) return;
    if (one.view.breaker == Breaker::closed) one.failed_trials = 0;
    if (one.view.up) one.view.changed = now;
    one.view.up = false;
    one.view.breaker = Breaker::open;
    one.view.resident.reset();
    one.trial_runs = false;
    ++one.epoch;
    one.failures = 0;
    one.failed_probes = 0;
    one.next_probe = now + varied(rules_.probe_interval);
    const auto wait = one.failed_trials == 0
                          ? Clock::duration{}
                          : std::min<Clock::duration>(
                                rules_.trial_interval * (std::int64_t{1} << std::min(one.failed_trials - 1, 20)),
                                rules_.trial_interval_max);
    one.view.next_trial = now + varied(wait);
}

void Endpoints::probed(Clock::time_point now, EndpointIndex endpoint, const Result<ProbeReport>& outcome) {
    auto& one = all_[endpoint];
    one.probing = false;
    if (outcome) {
        one.failed_probes = 0;
        one.view.resident = outcome->resident;
        if (outcome->round_trip.count() > 0) {
            one.round_trips.push_back(outcome->round_trip);
            if (one.round_trips.size() > kept_round_trips) one.round_trips.pop_front();
            // The least: what comes on top is work at one of the two ends.
            one.view.round_trip = *std::ranges::min_element(one.round_trips);
            one.view.far = one.view.round_trip >= rules_.wan_round_trip;
        }
        if (one.view.breaker == Breaker::open && now >= one.view.next_trial) {
            one.view.breaker = Breaker::half_open;
            one.view.up = true;
            one.view.woken_first = one.view.woken_last = {};
            one.view.changed = now;
        }
    } else {
        ++one.failed_probes;
        if (one.view.breaker == Breaker::open) {
            one.view.last_error = outcome.error();
        } else if (one.failed_probes >= probes_to_open) {
            one.view.last_error = outcome.error();
            return open(now, one);
        }
    }
    one.next_probe.reset();
    if (one.view.breaker == Breaker::open) {
        // One that answers probes waits for its next trial.
        const auto interval = outcome ? std::max<Clock::duration>(one.view.next_trial - now, Clock::duration{1})
                                      : std::min<Clock::duration>(
                                            std::chrono::duration_cast<Clock::duration>(
                                                rules_.probe_interval * std::pow(1.5, std::min(one.failed_probes, 20))),
                                            rules_.probe_interval_max);
        one.next_probe = now + varied(interval);
    } else if (rules_.check_interval.count() > 0) {
        // After a first failure soon again: two make it down.
        one.next_probe = now + varied(outcome ? rules_.check_interval : rules_.probe_interval);
    }
}

std::vector<EndpointIndex> Endpoints::due(Clock::time_point now) {
    std::vector<EndpointIndex> result;
    for (EndpointIndex i = 0; i < all_.size(); ++i)
        if (auto& one = all_[i]; !one.view.retired && !one.probing && one.next_probe && *one.next_probe <= now) {
            one.probing = true;
            result.push_back(i);
        }
    return result;
}

// ---------------------------------------------------------------- choice

Endpoints::State Endpoints::state(Clock::time_point now, EndpointIndex endpoint, Distance distance) const {
    const auto& one = all_[endpoint];
    if (distance == Distance::lan_only && one.view.far) return State::far;
    if (one.view.breaker == Breaker::open) return State::down;
    if (now < one.view.resting_until) return State::resting;
    if (one.view.breaker == Breaker::half_open && one.trial_runs) return State::trying;
    const auto capacity = specs_[endpoint].capacity;
    return capacity > 0 && one.view.leases >= capacity ? State::full : State::free;
}

Endpoints::Choice Endpoints::choose(ModelIndex model, std::uint64_t conversation, Distance distance,
                                    std::span<const EndpointIndex> candidates) const {
    const auto before = conversation == 0 ? conversations_.end() : conversations_.find({model, conversation});
    const auto load_of = [&](EndpointIndex e) {
        return static_cast<double>(all_[e].view.leases) / std::max(1, specs_[e].weight);
    };
    double least = load_of(candidates.front());
    for (const auto e : candidates) least = std::min(least, load_of(e));
    const auto rank = [&](EndpointIndex e) {
        const auto& view = all_[e].view;
        const double load = load_of(e);
        const bool known_there = before != conversations_.end() && before->second == e && load <= least + sticky_load;
        const bool resident = view.resident && std::ranges::contains(*view.resident, model);
        return std::tuple(distance == Distance::lan_first && view.far, !known_there, !resident, load);
    };
    auto best = candidates.front();
    for (const auto e : candidates.subspan(1))
        if (rank(e) < rank(best)) best = e;
    const auto [far, elsewhere, absent, load] = rank(best);
    if (all_[best].view.breaker == Breaker::half_open) return {best, "tried again after it was down"};
    if (candidates.size() == 1) return {best, ""};
    if (!elsewhere) return {best, "this conversation was there before"};
    if (!absent) return {best, "the model is in its memory"};
    const bool nearer = distance == Distance::lan_first && !far && all_[candidates.front()].view.far;
    return {best, best == candidates.front() ? "" : nearer ? "nearer" : "least busy"};
}

void Endpoints::remember(ModelIndex model, std::uint64_t conversation, EndpointIndex endpoint) {
    if (conversation == 0) return;
    const auto key = std::pair(model, conversation);
    const auto [at, is_new] = conversations_.insert_or_assign(key, endpoint);
    if (!is_new) return;
    oldest_conversations_.push_back(key);
    if (oldest_conversations_.size() <= kept_conversations) return;
    conversations_.erase(oldest_conversations_.front());
    oldest_conversations_.pop_front();
}

}  // namespace sarai::pool
