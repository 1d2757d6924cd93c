#include "library/holds.hpp"

#include <mutex>
#include <set>
#include <utility>

namespace sarai::library {

struct Holds::State {
    std::mutex mutex;
    std::multiset<std::string, std::less<>> digests;
};

Holds::Holds() : state_(std::make_shared<State>()) {}

Hold Holds::hold(std::string digest) const {
    const std::scoped_lock lock(state_->mutex);
    const auto entry = state_->digests.insert(std::move(digest));
    return {std::to_address(entry), [state = state_, entry](const void*) {
                const std::scoped_lock again(state->mutex);
                state->digests.erase(entry);
            }};
}

bool Holds::has(std::string_view digest) const {
    const std::scoped_lock lock(state_->mutex);
    return state_->digests.contains(digest);
}

}  // namespace sarai::library
