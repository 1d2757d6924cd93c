#include "pool/refusal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sarai::pool {
namespace {

std::string held_by(const std::vector<Holder>& holders) {
    std::vector<std::string> parts;
    for (const auto& holder : holders)
        parts.push_back(holder.state.empty()
                            ? fmt::format("{} {}", holder.name, to_string(holder.bytes))
                            : fmt::format("{} {} ({})", holder.name, to_string(holder.bytes), holder.state));
    return parts.empty() ? "nobody" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string seconds(std::chrono::milliseconds time) {
    return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000);
}

// Compared, not subtracted, wherever a plan may be absurdly large.
std::vector<std::string> changes(const Shortage& s) {
    const auto& needs = s.needs;
    const auto deficit = needs.total - s.free;
    const auto fits = [&](Bytes total) { return total <= s.free; };
    std::vector<std::string> out;
    // A prompt cache is no way out: where it is all that does not fit, the model was loaded without it (ladder.hpp).
    if (const auto total = with_kv_cache_type(needs, "q8_0"); s.what.empty() && total < needs.total && fits(total))
        out.push_back(
            fmt::format("set models.{}.kv_cache_type to q8_0 ({} less)", s.model, to_string(needs.total - total)));
    if (const auto tokens = longest_context(needs, s.free, s.min_context_length); tokens > 0)
        out.push_back(fmt::format("set models.{}.context_length to {} ({} less)", s.model, tokens,
                                  to_string(needs.total - with_context(needs, tokens))));
    // The smallest one that suffices.
    const Holder* smallest = nullptr;
    for (const auto& holder : s.holders)
        if (holder.can_be_stopped && holder.bytes >= deficit && (smallest == nullptr || holder.bytes < smallest->bytes))
            smallest = &holder;
    if (smallest != nullptr)
        out.push_back(fmt::format("unload {} with \"sarai stop {}\" (its next request waits about {} for its load)",
                                  smallest->name, smallest->name, seconds(smallest->reload)));
    if (s.policy_would_help) out.emplace_back("set memory.policy to lru (idle models make room by themselves)");
    if (const auto budget = s.budget + deficit; s.machine == Bytes{} || budget <= s.machine)
        out.push_back("set " + max_ram_of(budget));
    return out;
}

}  // namespace

std::string max_ram_of(Bytes budget) {
    return fmt::format("memory.max_ram to {}MiB", (budget.count + (1 << 20) - 1) >> 20);
}

std::string advice(const std::vector<std::string>& changes) {
    if (changes.empty())
        return "No single change makes room for it on this machine; take a smaller quantisation or a remote server "
               "(\"sarai fit\" looks for a set that fits).";
    return fmt::format("{}: {}.", changes.size() == 1 ? "This would make it fit" : "Each of these would make it fit",
                       fmt::join(changes, "; "));
}

Error explain(const Shortage& s) {
    const auto whose = s.what.empty() ? fmt::format("model '{}' does not fit: it needs", s.model)
                                      : fmt::format("there is no memory for {}: it needs up to", s.what);
    return {.code = Code::no_memory,
            .message = fmt::format("{} {} ({} bytes), {} ({} bytes) of the budget of {} are free, held by: {}", whose,
                                   to_string(s.needs.total), s.needs.total.count, to_string(s.free), s.free.count,
                                   to_string(s.budget), held_by(s.holders)),
            .hint = advice(changes(s))};
}

}  // namespace sarai::pool
