#include "memory/choose.hpp"

#include <algorithm>
#include <limits>

namespace sarai::memory {
namespace {

// The best set of choices so far that costs this much.
struct State {
    Bytes cost;
    std::int64_t utility = 0;
    std::size_t option = 0;  // of the last model
    std::size_t parent = 0;  // in the layer before
};

// Keeps what no cheaper or equally cheap state reaches. Stable, so that of equals the first stays.
void keep_best(std::vector<State>& states) {
    std::ranges::stable_sort(states, [](const State& a, const State& b) {
        return a.cost != b.cost ? a.cost < b.cost : a.utility > b.utility;
    });
    auto most = std::numeric_limits<std::int64_t>::min();
    std::erase_if(states, [&](const State& state) {
        if (state.utility <= most) return true;
        most = state.utility;
        return false;
    });
}

std::vector<State> states_of(const std::vector<Option>& options) {
    std::vector<State> states;
    for (std::size_t i = 0; i < options.size(); ++i)
        states.push_back({.cost = options[i].cost, .utility = options[i].utility, .option = i});
    keep_best(states);
    return states;
}

}  // namespace

std::optional<Choice> choose(std::span<const std::vector<Option>> models, Bytes budget) {
    std::vector<std::vector<State>> own;
    Bytes least;  // of the models that are still to come
    for (const auto& options : models) {
        if (options.empty()) return std::nullopt;
        own.push_back(states_of(options));
        least += own.back().front().cost;
    }
    std::vector<std::vector<State>> layers{{State{}}};
    for (const auto& states : own) {
        least -= states.front().cost;
        std::vector<State> next;
        for (std::size_t parent = 0; parent < layers.back().size(); ++parent) {
            const auto& before = layers.back()[parent];
            for (const auto& state : states) {
                if (before.cost + state.cost + least > budget) break;  // and so do all after it
                next.push_back({.cost = before.cost + state.cost,
                                .utility = before.utility + state.utility,
                                .option = state.option,
                                .parent = parent});
            }
        }
        if (next.empty()) return std::nullopt;
        keep_best(next);
        layers.push_back(std::move(next));
    }
    const auto& best = layers.back().back();
    Choice choice{.options = std::vector<std::size_t>(models.size()), .cost = best.cost, .utility = best.utility};
    auto at = layers.back().size() - 1;
    for (std::size_t i = models.size(); i-- > 0;) {
        choice.options[i] = layers[i + 1][at].option;
        at = layers[i + 1][at].parent;
    }
    return choice;
}

}  // namespace sarai::memory
