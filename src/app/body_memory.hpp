// Memory for large requests, reserved in the pool as they come in: beyond what sarai's own reserve has room for.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "pool/pool.hpp"

namespace sarai::app {

class BodyMemory {
public:
    explicit BodyMemory(pool::Pool& pool) : pool_(&pool) {}

    // `bodies`: of all requests, as they came. Errors: no_memory, busy.
    [[nodiscard]] Result<void> hold(Bytes bodies);
    // Before the pool goes: connections that end later give nothing back.
    void close();

private:
    pool::Pool* pool_;
    std::vector<std::shared_ptr<void>> pieces_;
};

}  // namespace sarai::app
