// Loading ahead of a request that is only probable: it takes what is free, and gives it back to whoever asks.
#include <fmt/format.h>

#include "pool/pool_room.hpp"

namespace sarai::pool {

PoolCore::Prefetched PoolCore::prefetch(Clock::time_point now, ModelIndex model, bool media) {
    Prefetched result;
    now_ = now;
    const auto& spec = models_[model];
    const auto nothing = [&](std::string why) {
        result.why = std::move(why);
        return result;
    };
    if (is_served(now, model)) return nothing("a server answers for it");
    for (const auto endpoint : spec.endpoints)
        if (endpoints_.wake(now, endpoint, rules_.wake_interval, rules_.wake_time)) {
            result.actions.emplace_back(Wake{endpoint});
            result.begun = true;
            result.why = fmt::format("{} is woken", endpoints()[endpoint].name);
        }
    // A server that wakes up answers sooner than another worker, and without its memory.
    if (result.begun) return result;
    if (!spec.has_local) return nothing("no server of it answers, and it has no file here");
    auto& local = locals_[model];
    if (local.state == LocalState::ready && !local.draining) return nothing("it is loaded");
    if (local.state != LocalState::absent) return nothing(fmt::format("it is {}", name_of(local.state)));
    if (local.quarantined) return nothing("its loads have failed too often");
    if (now < local.not_before) return nothing("its worker has died again and again");
    if (closed_) return nothing(*closed_);
    if (!awaiting_.empty()) return nothing("requests wait for memory");
    // Its need is only known once it was measured. Until then nobody who is here goes for it either.
    if (spec.generative && generative_processes() >= rules_.max_concurrent_llms)
        return nothing(fmt::format("all {} places are taken", rules_.max_concurrent_llms));
    local.ahead_of_request = true;
    local.media_form = local.media_form || (media && spec.media_on_demand);
    preloading_[model] = true;
    want_worker(model, result.actions);
    result.begun = local.state != LocalState::absent;
    result.why = result.begun ? "it is loaded, if there is room that nobody needs" : "it cannot be loaded";
    return result;
}

// For which nobody has asked yet: whoever does ask for something may have its memory.
bool PoolCore::is_ahead(ModelIndex model) const {
    return locals_[model].ahead_of_request && !models_[model].pinned && !is_wanted(model);
}

// Measured for nobody who waits: it is loaded as configured and at once, or not at all.
bool PoolCore::drop_prefetch(ModelIndex model, const Room& room) {
    auto& local = locals_[model];
    if (!local.ahead_of_request || is_wanted(model)) return false;
    if (awaiting_.empty() && room.holds_now(local.needs.total, models_[model].generative)) return false;
    local.state = LocalState::absent;
    local.ahead_of_request = false;
    preloading_[model] = false;
    note({.model = model,
          .event = Event::refuse,
          .outcome = "not loaded ahead of a request: there is no room that nobody needs",
          .asked = local.needs.total,
          .free = std::max(Bytes{}, room.free)});
    return true;
}

}  // namespace sarai::pool
