#include "app/budget.hpp"

#include <algorithm>

namespace sarai::app {

Bytes budget_of(const config::Memory& memory, Bytes machine_total) {
    if (machine_total.count == 0) return memory.max_ram.value_or(Bytes{});  // unknown
    const auto left = std::max(Bytes{}, machine_total - memory.reserve);
    return memory.max_ram ? std::min(*memory.max_ram, left) : left;
}

}  // namespace sarai::app
