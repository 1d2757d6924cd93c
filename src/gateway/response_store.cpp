#include "gateway/response_store.hpp"

#include <iterator>
#include <utility>

namespace sarai::gateway {
namespace {

// Of the nodes and strings around what is kept.
constexpr Bytes overhead{400};

}  // namespace

void ResponseStore::put(std::string_view id, protocols::responses::Kept kept, Time now) {
    erase(id, now);
    const auto size = kept.response.size() + kept.input.size() + kept.messages.size() + 2 * id.size();
    const auto charge = overhead + Bytes{static_cast<std::int64_t>(size)};
    if (charge > limits_.bytes || limits_.count == 0) return;
    while (bytes_ + charge > limits_.bytes || count() >= limits_.count) drop(std::prev(entries_.end()));
    entries_.push_front({.id = std::string(id),
                         .kept = std::make_shared<const protocols::responses::Kept>(std::move(kept)),
                         .charge = charge,
                         .used = now});
    by_id_.emplace(id, entries_.begin());
    bytes_ += charge;
}

std::shared_ptr<const protocols::responses::Kept> ResponseStore::get(std::string_view id, Time now) {
    drop_old(now);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return nullptr;
    found->second->used = now;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->kept;
}

bool ResponseStore::erase(std::string_view id, Time now) {
    drop_old(now);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return false;
    drop(found->second);
    return true;
}

void ResponseStore::drop_old(Time now) {
    while (!entries_.empty() && now - entries_.back().used > limits_.age) drop(std::prev(entries_.end()));
}

void ResponseStore::drop(Entries::iterator entry) {
    bytes_ -= entry->charge;
    by_id_.erase(entry->id);
    entries_.erase(entry);
}

}  // namespace sarai::gateway
