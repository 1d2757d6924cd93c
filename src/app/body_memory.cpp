#include "app/body_memory.hpp"

#include <malloc.h>

#include <algorithm>

namespace sarai::app {
namespace {

// A picture of 32 MB in JSON took sarai from 8 to 292 MiB: the body, its JSON, the picture's bytes, and what the worker
// is sent.
constexpr int copies = 7;
constexpr Bytes of_the_own = MiB(16);  // of the 32 MiB that are always sarai's
constexpr Bytes piece = MiB(8);

}  // namespace

Result<void> BodyMemory::hold(Bytes bodies) {
    if (pool_ == nullptr) return {};
    const auto beyond = std::max(Bytes{}, Bytes{bodies.count * copies} - of_the_own);
    const auto wanted = static_cast<std::size_t>((beyond.count + piece.count - 1) / piece.count);
    if (wanted < pieces_.size()) {
        pieces_.resize(wanted);
        if (wanted == 0) ::malloc_trim(0);  // what they took goes back to the system, not to a heap that keeps it
    }
    while (pieces_.size() < wanted) {
        auto more = pool_->set_aside(piece, "a request so large");
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
