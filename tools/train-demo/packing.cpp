#include "packing.hpp"

#include <algorithm>
#include <numeric>

namespace train_demo {

Rows::Rows(int rows_, int length_, std::int32_t padding) : rows(rows_), length(length_) {
    const auto count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(length);
    tokens.assign(count, padding);
    targets.assign(count, 0);
    weights.assign(count, 0);
    begins.resize(count);
    for (std::size_t i = 0; i < count; ++i)
        begins[i] = static_cast<std::int32_t>(i % static_cast<std::size_t>(length));  // padding sees only itself
}

float Rows::weight() const { return std::accumulate(weights.begin(), weights.end(), 0.0F); }

std::size_t pack(std::span<const Turn> turns, Rows& into) {
    const auto length = static_cast<std::size_t>(into.length);
    std::size_t taken = 0;
    for (std::size_t row = 0; row < static_cast<std::size_t>(into.rows); ++row) {
        const std::size_t first = row * length;
        std::size_t at = 0;
        for (; taken < turns.size(); ++taken) {
            const auto& turn = turns[taken];
            if (at > 0 && at + turn.tokens.size() > length) break;
            const auto count = std::min(turn.tokens.size(), length - at);
            for (std::size_t i = 0; i < count; ++i) {
                into.tokens[first + at + i] = turn.tokens[i];
                into.begins[first + at + i] = static_cast<std::int32_t>(at);
                // What stands before a turn does not foretell its first token.
                if (i == 0 || turn.weights[i] <= 0) continue;
                into.targets[first + at + i - 1] = turn.tokens[i];
                into.weights[first + at + i - 1] = turn.weights[i];
            }
            at += count;
        }
    }
    return taken;
}

}  // namespace train_demo
