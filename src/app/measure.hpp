// Runs the measuring child: what would this model take?
#pragma once

#include <boost/asio/awaitable.hpp>

#include "memory/plan.hpp"

namespace sarai::app {

// Starts `sarai-measure`, waits at most 30 s. A broken or hostile file kills only the child.
[[nodiscard]] boost::asio::awaitable<Result<memory::ModelPlan>> measure(memory::EngineShape shape);

}  // namespace sarai::app
