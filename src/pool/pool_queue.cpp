// Turns: who of those that wait is answered next, by a worker's slots or at an endpoint.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pool/pool_core.hpp"

namespace sarai::pool {

// That have no tickets now.
constexpr std::size_t remembered_clients = 256;

void PoolCore::serve(Actions& out) {
    serve_parked(out);
    change_forms(out);
    for (ModelIndex i = 0; i < models_.size(); ++i) serve_slots(i, out);
    unload_retired(out);
    unload_drained(out);
    serve_queue(out);
}

// ---------------------------------------------------------------- order

// Once it was given to a backend, a request that lost it goes first: its client has waited its turn already. Then the
// more urgent class, in which one comes up with time, so that it does not starve; then the client whose last turn is
// longer ago.
bool PoolCore::comes_before(Ticket a, const TicketState& left, Ticket b, const TicketState& right) const {
    const auto began = [](const TicketState& state) { return state.granted_at != Clock::time_point{}; };
    if (began(left) != began(right)) return began(left);
    const auto class_of = [&](const TicketState& state) {
        // Not while its client is being served: age is for those that are passed over.
        const auto since = std::max(state.arrived, clients_.at(state.ask.client).served_at);
        const auto up = (now_ - since) / rules_.class_up_after;
        return std::min<std::int64_t>(std::to_underlying(state.ask.urgency) + up, std::to_underlying(Urgency::high));
    };
    if (class_of(left) != class_of(right)) return class_of(left) > class_of(right);
    const auto served = [&](const TicketState& state) { return clients_.at(state.ask.client).served; };
    if (served(left) != served(right)) return served(left) < served(right);
    return a < b;
}

void PoolCore::note_served(const std::string& name) {
    auto& client = clients_.at(name);
    client.served = ++turns_;
    client.served_at = now_;
}

// One that comes anew goes before none of those that were waiting when it was last here: else a few clients that send
// one request after the other would leave nothing for one that sends many.
void PoolCore::know_client(const std::string& name) {
    auto& client = clients_[name];
    if (++client.tickets > 1) return;
    const auto before = std::ranges::find(left_, name, &std::pair<std::string, Client>::first);
    if (before == left_.end()) return;
    client.served = before->second.served;
    client.served_at = before->second.served_at;
    left_.erase(before);
}

void PoolCore::forget_client(const std::string& client) {
    const auto found = clients_.find(client);
    if (--found->second.tickets > 0) return;
    if (found->second.served > 0) left_.emplace_back(found->first, found->second);
    if (left_.size() > remembered_clients) left_.pop_front();
    clients_.erase(found);
}

// ---------------------------------------------------------------- serving

bool PoolCore::has_slot(ModelIndex model) const {
    return models_[model].slots == 0 || locals_[model].running < models_[model].slots;
}

void PoolCore::serve_slots(ModelIndex model, Actions& out) {
    const auto& local = locals_[model];
    if (local.state != LocalState::ready) return;
    while (has_slot(model)) {
        auto next = tickets_.end();
        for (auto it = tickets_.begin(); it != tickets_.end(); ++it) {
            auto& state = it->second;
            if (!state.waiting || state.model != model || state.reaped_by || !suits(model, state)) continue;
            if ((local.draining || local.changing_form) && !state.owed) continue;
            if (next == tickets_.end() || comes_before(it->first, state, next->first, next->second)) next = it;
        }
        if (next == tickets_.end()) return;
        grant(next->first, next->second, {.model = model}, out);
    }
    // Whoever waits for a slot of a worker that may stay is served by this load of it.
    if (local.draining || local.changing_form) return;
    for (auto& [ticket, state] : tickets_)
        state.owed = state.owed || (state.waiting && state.model == model && !state.reaped_by && suits(model, state));
}

// Those that wait for an endpoint walk their chain again: it may be free by now, or down.
void PoolCore::serve_parked(Actions& out) {
    std::vector<Ticket> parked;
    for (const auto& [ticket, state] : tickets_)
        if (state.parked) parked.push_back(ticket);
    while (!parked.empty()) {
        auto next = parked.end();
        for (auto it = parked.begin(); it != parked.end(); ++it)
            if (next == parked.end() || comes_before(*it, tickets_.at(*it), *next, tickets_.at(*next))) next = it;
        const auto ticket = *next;
        parked.erase(next);
        const auto model = tickets_.at(ticket).model;
        const bool fresh = tickets_.at(ticket).tried.empty();
        advance(now_, ticket, out);
        // A refusal of one may be that of all who wait for the same worker.
        std::erase_if(parked, [&](Ticket other) { return !tickets_.contains(other); });
        const auto found = tickets_.find(ticket);
        if (!fresh || found == tickets_.end() || !found->second.parked) continue;
        // All that have tried nothing yet and want the same would wait on as well.
        std::erase_if(parked, [&](Ticket other) {
            const auto& state = tickets_.at(other);
            return state.model == model && state.tried.empty();
        });
    }
}

// ---------------------------------------------------------------- limits

int PoolCore::waiting(ModelIndex model) const {
    return static_cast<int>(std::ranges::count_if(tickets_, [&](const auto& entry) {
        return (entry.second.waiting || entry.second.parked) && entry.second.model == model;
    }));
}

// How many requests are answered at once; endpoints without a limit count as one each.
int PoolCore::places(ModelIndex model) const {
    int sum = 0;
    for (const auto endpoint : models_[model].endpoints)
        if (endpoints_.view(endpoint).up) sum += std::max(1, endpoints()[endpoint].capacity);
    return sum > 0 ? sum : std::max(1, models_[model].slots);
}

std::chrono::milliseconds PoolCore::expected_wait(ModelIndex model) const {
    return std::chrono::ceil<std::chrono::milliseconds>(service_[model] * waiting(model) / places(model));
}

void PoolCore::refuse_if_full(Ticket ticket, Actions& out) {
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || found->second.granted) return;
    const auto model = found->second.model;
    const auto length = models_[model].queue.length;
    if (waiting(model) <= length) return;
    // Without it, as it is to be told what those before it take.
    found->second.waiting = found->second.parked = false;
    refuse(ticket,
           Error{.code = Code::busy,
                 .message =
                     fmt::format("model '{}' is busy: {} requests wait for it already", models_[model].name, length),
                 .hint = "Try again later, or raise the model's queue.length.",
                 .retry_after =
                     std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(expected_wait(model)))},
           out);
}

void PoolCore::refuse_impatient(Clock::time_point now, Actions& out) {
    std::vector<Ticket> gone;
    const auto patience_of = [&](const TicketState& state) {
        const auto theirs = state.ask.patience;
        const auto ours = models_[state.model].queue.patience;
        return theirs.count() == 0 ? ours : ours.count() == 0 ? theirs : std::min(ours, theirs);
    };
    for (const auto& [ticket, state] : tickets_) {
        if (!state.waiting && !state.parked) continue;
        const auto patience = patience_of(state);
        if (patience.count() > 0 && now - state.arrived >= patience) gone.push_back(ticket);
    }
    for (const auto ticket : gone) {
        auto& state = tickets_.at(ticket);
        const auto model = state.model;
        const auto patience = patience_of(state);
        state.waiting = state.parked = false;
        refuse(ticket,
               Error{.code = Code::busy,
                     .message = fmt::format("model '{}' was busy for all of the {:.3g} s that the request could wait; "
                                            "{} more wait for it",
                                            models_[model].name, std::chrono::duration<double>(patience).count(),
                                            waiting(model)),
                     .retry_after = std::max(std::chrono::seconds(1),
                                             std::chrono::ceil<std::chrono::seconds>(expected_wait(model)))},
               out);
    }
}

}  // namespace sarai::pool
