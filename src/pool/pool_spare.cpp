// What is done besides a request's own way: slots that nobody needs, and how long first tokens take.
#include <fmt/format.h>

#include <algorithm>

#include "pool/pool_core.hpp"

namespace sarai::pool {

namespace {

constexpr std::size_t kept_first_tokens = 64;
constexpr std::chrono::milliseconds wanted_for{500};

}  // namespace

Actions PoolCore::borrow(Clock::time_point now, Ticket ticket, ModelIndex model, bool alone,
                         std::optional<Ticket> beside) {
    Actions out;
    now_ = now;
    const auto& local = locals_[model];
    const bool must_yield = alone && (closed_ || now - local.slot_wanted < wanted_for);
    const bool somebody_computes = std::ranges::any_of(locals_, [](const LocalView& one) { return one.running > 0; });
    if (must_yield || local.state != LocalState::ready || local.draining || !has_slot(model) || is_wanted(model) ||
        (alone && somebody_computes)) {
        // Who asks for a request comes before who reads ahead, in whose step its try may have fallen.
        if (!alone && local.state == LocalState::ready) locals_[model].slot_wanted = now;
        out.emplace_back(Refuse{
            ticket,
            Error{.code = Code::busy, .message = fmt::format("model '{}' has no slot to spare", models_[model].name)}});
        return out;
    }
    const auto other = beside ? tickets_.find(*beside) : tickets_.end();
    auto& state = tickets_[ticket] =
        TicketState{.ask = other == tickets_.end() ? Ask{} : other->second.ask, .arrived = now, .model = model};
    know_client(state.ask.client);
    state.runs = true;
    state.granted_at = now;
    state.ahead = alone;
    if (!alone) locals_[model].last_used = ++uses_;
    locals_[model].slot_wanted = {};
    take_slot(state);
    state.granted = Route{.model = model, .fallback = !models_[model].endpoints.empty(), .reason = "local worker"};
    out.emplace_back(Grant{ticket, *state.granted});
    return out;
}

Actions PoolCore::overtaken(Clock::time_point now, Ticket ticket, std::chrono::milliseconds usual) {
    Actions out;
    now_ = now;
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !found->second.granted || !found->second.granted->endpoint) return out;
    const auto& state = found->second;
    const auto took = now - state.granted_at;
    note_first_token(state, std::min<Clock::duration>(took, usual));
    const auto endpoint = *state.granted->endpoint;
    endpoints_.failed(now, endpoint,
                      {.code = Code::timeout,
                       .message = fmt::format("had sent nothing after {} ms, and the local worker had",
                                              std::chrono::duration_cast<std::chrono::milliseconds>(took).count())},
                      state.visit);
    serve(out);
    return out;
}

void PoolCore::note_first_token(const TicketState& state, Clock::duration took) {
    if (!state.granted->endpoint) return;
    auto& kept = first_tokens_[{state.model, *state.granted->endpoint}];
    kept.push_back(took);
    if (kept.size() > kept_first_tokens) kept.pop_front();
}

// Nearest rank: of 20 the 19th is the p95.
PoolCore::FirstTokens PoolCore::first_tokens(ModelIndex model, EndpointIndex endpoint) const {
    const auto found = first_tokens_.find({model, endpoint});
    if (found == first_tokens_.end()) return {};
    std::vector<Clock::duration> sorted(found->second.begin(), found->second.end());
    std::ranges::sort(sorted);
    const auto at = [&](std::size_t percent) {
        const auto rank = (sorted.size() * percent + 99) / 100;
        return std::chrono::ceil<std::chrono::milliseconds>(sorted[std::max<std::size_t>(rank, 1) - 1]);
    };
    return {.count = static_cast<int>(sorted.size()), .median = at(50), .p95 = at(95)};
}

}  // namespace sarai::pool
