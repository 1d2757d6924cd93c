#include "memory/nodes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sarai::memory {

Result<void> NodeLedger::fits(std::size_t holder, std::string_view model, std::span<const NodePlan> plan) const {
    for (const auto& wanted : plan) {
        Bytes taken;
        std::vector<std::string> holders;
        for (const auto& [other, held] : held_) {
            if (other == holder) continue;
            for (const auto& node : held.nodes) {
                if (node.address != wanted.address) continue;
                taken += node.total();
                holders.push_back(fmt::format("{} {}", held.model, to_string(node.total())));
            }
        }
        if (taken + wanted.total() <= wanted.memory) continue;
        return fail(
            Code::no_memory,
            fmt::format("model '{}' needs {} on the node {}, which has {}{}: {} are missing", model,
                        to_string(wanted.total()), wanted.address, to_string(wanted.memory),
                        holders.empty() ? "" : fmt::format(" ({})", fmt::join(holders, ", ")),
                        to_string(taken + wanted.total() - wanted.memory)),
            "Give the node a smaller share (engine.rpc_split), add a node to engine.rpc, or shrink the context.");
    }
    return {};
}

Result<void> NodeLedger::reserve(std::size_t holder, const std::string& model, std::span<const NodePlan> plan) {
    if (auto fitting = fits(holder, model, plan); !fitting) return fitting;
    if (!plan.empty()) held_[holder] = {.model = model, .nodes = {plan.begin(), plan.end()}};
    return {};
}

}  // namespace sarai::memory
