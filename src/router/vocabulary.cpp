#include "router/vocabulary.hpp"

#include <algorithm>
#include <cmath>

namespace sarai::router {

Vocabulary choose_vocabulary(std::vector<Counted> counted, std::size_t texts, std::size_t rows, std::uint32_t least) {
    std::erase_if(counted, [&](const Counted& one) { return one.texts < least; });
    std::ranges::sort(counted, [](const Counted& a, const Counted& b) {
        return a.texts != b.texts ? a.texts > b.texts : a.hash < b.hash;
    });
    counted.resize(std::min(counted.size(), rows - rows / 8));
    Vocabulary made{.keys = std::vector<std::uint32_t>(rows), .rarity = std::vector<float>(rows)};
    const auto rarity = [&](std::uint32_t count) {
        return std::max(0.0F, std::log((static_cast<float>(texts) + 1) / (static_cast<float>(count) + 1)));
    };
    for (const auto& one : counted) {
        auto row = home_of(one.hash, rows);
        while (made.keys[row] != 0) row = (row + 1) % rows;
        made.keys[row] = one.hash;
        made.rarity[row] = rarity(one.texts);
    }
    made.unseen_rarity = rarity(0);
    made.filled = std::ssize(counted);
    return made;
}

}  // namespace sarai::router
