// Media on demand: a worker without its projector takes less memory, and is replaced by one with it when the first
// request brings media. Requests that are being answered end first; those that wait, of either kind, are answered by
// the new one, which can do both.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pool/pool_room.hpp"

namespace sarai::pool {

Reduction PoolCore::form_for(ModelIndex model, bool media) const {
    return {.text_only = models_[model].media_on_demand && !media};
}

bool PoolCore::suits(ModelIndex model, const TicketState& state) const {
    return !state.ask.media || !locals_[model].reduction.text_only;
}

bool PoolCore::waits_for_media(ModelIndex model) const {
    return std::ranges::any_of(tickets_, [&](const auto& entry) {
        return entry.second.waiting && entry.second.model == model && entry.second.ask.media;
    });
}

void PoolCore::refuse_media(ModelIndex model, const Error& error, Actions& out) {
    std::vector<Ticket> refused;
    for (const auto& [ticket, state] : tickets_)
        if (state.waiting && state.model == model && state.ask.media) refused.push_back(ticket);
    for (const auto ticket : refused) refuse(ticket, error, out);
}

bool PoolCore::give_up_media(ModelIndex model, const Error& error, Actions& out) {
    auto& local = locals_[model];
    if (!std::exchange(local.media_form, false) || !models_[model].media_on_demand) return false;
    local.media_error = error;
    refuse_media(model, error, out);
    return true;
}

bool PoolCore::refuse_quarantined_media(ModelIndex model, Actions& out) {
    const auto& local = locals_[model];
    if (!local.media_quarantined) return false;
    const auto why = local.media_error ? local.media_error->message : "unknown";
    const auto& name = models_[model].name;
    refuse_media(model,
                 {.code = Code::unavailable,
                  .message = fmt::format("the projector of model '{}' is in quarantine after {} loads that failed: {}",
                                         name, local.failed_media_loads, why),
                  .hint = fmt::format("It is tried again when its file or its configuration changes, or with \"sarai "
                                      "load {}\"; text is answered.",
                                      name)},
                 out);
    return true;
}

void PoolCore::change_forms(Actions& out) {
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        auto& local = locals_[i];
        local.changing_form = false;
        if (!models_[i].media_on_demand || local.state != LocalState::ready || !local.reduction.text_only ||
            !waits_for_media(i))
            continue;
        if (refuse_quarantined_media(i, out)) continue;
        if (!local.media_needs) {
            if (!local.measuring_form) out.emplace_back(MeasureForm{i});
            local.measuring_form = true;
            continue;
        }
        // Nobody is put out for a form that would not fit.
        if (!could_ever_have(i, local.media_needs->total)) {
            const auto text_needs = std::exchange(local.needs, *local.media_needs);
            auto room = this->room();
            room.free += local.reserved;
            auto error = does_not_fit(i, room);
            local.needs = text_needs;
            note({.model = i,
                  .event = Event::refuse,
                  .outcome = "its projector does not fit: " + error.message,
                  .asked = local.media_needs->total,
                  .free = std::max(Bytes{}, room.available())});
            refuse_media(i, error, out);
            continue;
        }
        local.changing_form = true;
        const bool owes = std::ranges::any_of(tickets_, [&](const auto& entry) {
            return entry.second.waiting && entry.second.model == i && entry.second.owed && suits(i, entry.second);
        });
        if (local.leases > 0 || owes) continue;
        note({.model = i,
              .event = Event::load,
              .outcome = "loaded anew with its projector, for a request that brings media",
              .asked = local.media_needs->total});
        local.media_form = true;
        begin_stop(i, out);
    }
}

Actions PoolCore::measured_form(ModelIndex model, const Result<Needs>& needs) {
    Actions out;
    auto& local = locals_[model];
    local.measuring_form = false;
    if (needs) {
        local.media_needs = countable(*needs);
    } else {
        refuse_media(model, needs.error(), out);
    }
    serve(out);
    return out;
}

// Back to text alone; whoever is to be there is loaded again at once.
void PoolCore::leave_media_form(Clock::time_point now, Actions& out) {
    for (ModelIndex i = 0; i < models_.size(); ++i) {
        auto& local = locals_[i];
        const auto stays = models_[i].media_ttl;
        if (!models_[i].media_on_demand || !local.media_form || stays.count() == 0) continue;
        if (local.state != LocalState::ready || local.leases > 0 || is_wanted(i) || now < local.media_used + stays)
            continue;
        note({.model = i,
              .event = Event::expire,
              .outcome = fmt::format("loaded anew without its projector, after {} s without media",
                                     std::chrono::duration_cast<std::chrono::seconds>(now - local.media_used).count()),
              .asked = local.reserved});
        local.media_form = false;
        preloading_[i] = true;
        begin_stop(i, out);
    }
}

}  // namespace sarai::pool
