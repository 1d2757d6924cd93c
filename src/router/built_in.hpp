// The weights that lie within the program: data/router/*.gguf as they were when it was built, aligned to 32 bytes.
#pragma once

#include <cstddef>
#include <span>

#include "router/classifier.hpp"

namespace sarai::router {

[[nodiscard]] std::span<const std::byte> built_in_weights(Size size);

}  // namespace sarai::router
