// A llama-server that reads ahead what another server answers, piece by piece into one of its slots.
#pragma once

#include <memory>

#include "llm/backend.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

[[nodiscard]] std::unique_ptr<llm::Standby> make_standby(Link link, const llm::Request& request);

}  // namespace sarai::remote
