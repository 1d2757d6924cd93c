#include "pool/ladder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "memory/plan.hpp"

namespace sarai::pool {
namespace {

constexpr int padding = 256;  // tokens of a slot, the engine's

// Reading and repacking weights, cold: SOLAR-10.7B 6462 MB in 23 s, Omni-7B 4682 MB in 16 s (bench/memory, load mode
// copy, two cores).
constexpr std::int64_t bytes_per_ms = 280'000;

Bytes share(Bytes bytes, double part) {
    // Rounded up, so that a bound stays one.
    return {static_cast<std::int64_t>(std::ceil(static_cast<double>(bytes.count) * part))};
}

int up(int tokens, int step) { return (tokens + step - 1) / step * step; }

// The engine pads each slot's part.
int padded(int tokens, int slots) { return up(tokens / slots, padding) * slots; }

// Of another setting, which takes so much less.
Needs less(Needs needs, Bytes bytes) {
    if (needs.planned == Bytes{}) {
        needs.total -= bytes;
    } else {
        needs.planned -= bytes;
        needs.total = needs.planned + memory::error_of_unloaded(needs.planned);
    }
    return needs;
}

Needs with_smaller_kv_cache(const Needs& needs, double part) {
    const auto kept = share(needs.kv_cache, part);
    auto changed = less(needs, needs.kv_cache - kept);
    changed.kv_cache = kept;
    return changed;
}

}  // namespace

std::string describe(const Reduction& reduction) {
    std::vector<std::string> parts;
    if (reduction.without_prompt_cache) parts.emplace_back("without its prompt cache");
    if (!reduction.kv_cache_type.empty()) parts.push_back(fmt::format("KV cache {}", reduction.kv_cache_type));
    if (reduction.context_length != 0) parts.push_back(fmt::format("context {}", reduction.context_length));
    return fmt::format("{}", fmt::join(parts, ", "));
}

double bytes_per_value(std::string_view kv_cache_type) {
    if (kv_cache_type == "q8_0") return 34.0 / 32;
    if (kv_cache_type == "q4_0") return 18.0 / 32;
    return 2;
}

Bytes with_kv_cache_type(const Needs& needs, std::string_view type) {
    const auto ratio = bytes_per_value(type) / bytes_per_value(needs.kv_cache_type);
    return ratio >= 1 || !needs.kv_quantisable ? needs.total : with_smaller_kv_cache(needs, ratio).total;
}

Bytes with_context(const Needs& needs, int tokens) {
    const int slots = std::max(1, needs.parallel);
    const auto now = padded(needs.context_length, slots);
    const auto then = padded(tokens, slots);
    if (now == 0 || then >= now) return needs.total;
    return with_smaller_kv_cache(needs, static_cast<double>(then) / now).total;
}

int longest_context(const Needs& needs, Bytes limit, int least) {
    const int slots = std::max(1, needs.parallel);
    const int step = padding * slots;
    for (int tokens = padded(needs.context_length, slots) - step; tokens >= std::max(step, least); tokens -= step)
        if (with_context(needs, tokens) <= limit) return tokens;
    return 0;
}

std::vector<Step> steps_down(const Needs& needs, const MayGiveUp& allowed, Reduction given) {
    std::vector<Step> steps;
    auto now = needs;
    auto& reduction = given;
    auto smallest = needs.total;
    const auto add = [&](Bytes total) {
        if (total >= smallest) return;
        smallest = total;
        steps.push_back({reduction, total});
    };
    if (needs.prompt_cache > Bytes{} && !reduction.without_prompt_cache) {
        reduction.without_prompt_cache = true;
        now = less(std::move(now), needs.prompt_cache);
        add(now.total);
    }
    if (allowed.kv_cache_type && reduction.kv_cache_type.empty() && needs.kv_quantisable &&
        bytes_per_value(*allowed.kv_cache_type) < bytes_per_value(needs.kv_cache_type)) {
        reduction.kv_cache_type = *allowed.kv_cache_type;
        now =
            with_smaller_kv_cache(now, bytes_per_value(*allowed.kv_cache_type) / bytes_per_value(needs.kv_cache_type));
        add(now.total);
    }
    if (allowed.min_context_length > 0) {
        const int step = padding * std::max(1, needs.parallel);
        const int least = up(allowed.min_context_length, step);
        const int context = reduction.context_length > 0 ? std::min(reduction.context_length, needs.context_length)
                                                         : needs.context_length;
        for (int tokens = context / 2; tokens > 0; tokens /= 2) {
            const int shorter = std::max(up(tokens, step), least);
            if (shorter >= context) continue;  // what is halved may be padded back to what it was
            reduction.context_length = shorter;
            add(with_context(now, shorter));
            if (tokens <= least) break;
        }
    }
    return steps;
}

std::chrono::milliseconds expected_load(const Needs& needs) {
    if (needs.load_time.count() > 0) return needs.load_time;
    return std::chrono::milliseconds(50 + needs.total.count / bytes_per_ms);
}

}  // namespace sarai::pool
