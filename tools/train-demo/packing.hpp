// Turns of chats laid one after the other into rows of fixed length, each of which sees only itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace train_demo {

// A question and its answer as tokens; loss counts where `weights` says so, and a weight belongs to the token that is
// to be foretold.
struct Turn {
    std::vector<std::int32_t> tokens;
    std::vector<float> weights;
};

struct Rows {
    int rows = 0;
    int length = 0;
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> targets;  // the token after each; 0 where the weight is 0
    std::vector<float> weights;         // of each target
    std::vector<std::int32_t> begins;   // for each token the place in its row where its turn begins

    Rows(int rows_, int length_, std::int32_t padding);
    [[nodiscard]] std::size_t size() const { return tokens.size(); }
    [[nodiscard]] float weight() const;
};

// Fills rows from the front of `turns`, each row as far as whole turns fit (a turn longer than a row is cut); returns
// how many turns were taken.
std::size_t pack(std::span<const Turn> turns, Rows& into);

}  // namespace train_demo
