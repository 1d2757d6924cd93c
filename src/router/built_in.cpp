#include "router/built_in.hpp"

// In weights.S.
extern "C" {
extern const std::byte sarai_trm_router[];
extern const std::byte sarai_trm_router_end[];
extern const std::byte sarai_trm_mini[];
extern const std::byte sarai_trm_mini_end[];
}

namespace sarai::router {

std::span<const std::byte> built_in_weights(Size size) {
    if (size == Size::mini) return {sarai_trm_mini, sarai_trm_mini_end};
    return {sarai_trm_router, sarai_trm_router_end};
}

}  // namespace sarai::router
