#include "app/body_memory.hpp"

#include <malloc.h>

#include "gateway/body_share.hpp"

namespace sarai::app {

Result<void> BodyMemory::hold(Bytes bodies) {
    if (pool_ == nullptr) return {};
    const auto wanted = static_cast<std::size_t>(gateway::memory_of_bodies(bodies).count / gateway::body_piece.count);
    if (wanted < pieces_.size()) {
        pieces_.resize(wanted);
        if (wanted == 0) ::malloc_trim(0);  // what they took goes back to the system, not to a heap that keeps it
    }
    while (pieces_.size() < wanted) {
        auto more = pool_->set_aside(gateway::body_piece, "a request so large");
        if (!more) return std::unexpected(std::move(more.error()));
        pieces_.push_back(std::move(*more));
    }
    return {};
}

void BodyMemory::close() {
    pieces_.clear();
    pool_ = nullptr;
}

}  // namespace sarai::app
