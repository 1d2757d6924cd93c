#include "cli/stacked_bar.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/bytes.hpp"
#include "cli/table.hpp"

namespace sarai::cli {
namespace {

constexpr std::array<std::string_view, 8> unicode_fills = {"█", "▓", "▒", "▞", "▤", "▥", "▦", "▩"};
constexpr std::array<std::string_view, 8> ascii_fills = {"#", "=", "o", "+", "x", "%", "*", "@"};
constexpr std::array<std::string_view, 6> colours = {"36", "33", "35", "32", "34", "37"};

std::string fill_of(std::size_t segment, bool unicode, const Style& style) {
    const auto& fills = unicode ? unicode_fills : ascii_fills;
    return style.wrap(colours[segment % colours.size()], fills[segment % fills.size()]);
}
std::string_view free_fill(bool unicode) { return unicode ? "·" : "."; }

std::int64_t sum_of(const StackedBar& bar) {
    return std::accumulate(bar.segments.begin(), bar.segments.end(), std::int64_t{0},
                           [](std::int64_t sum, const Segment& segment) { return sum + segment.amount; });
}

}  // namespace

std::string render_stacked_bar(const StackedBar& bar, int width, bool unicode, const Style& style) {
    const auto sum = sum_of(bar);
    const auto scale = std::max({bar.scale, bar.limit, sum, std::int64_t{1}});
    const int cells = std::max(2, width - 1);  // one column is the mark's
    const auto cell_at = [&](std::int64_t amount) {
        return static_cast<int>(std::lround(static_cast<double>(amount) / static_cast<double>(scale) * cells));
    };
    const bool over = sum > bar.limit;
    const int limit = std::min(cell_at(bar.limit), over ? cells - 1 : cells);
    // However little it is, what is over the limit is seen; and what is under it does not touch what is over.
    const int end = over ? std::max(cell_at(sum), limit + 1) : std::min(cell_at(sum), limit);
    std::string text;
    int drawn = 0;
    std::int64_t so_far = 0;
    for (std::size_t i = 0; i < bar.segments.size(); ++i) {
        if (bar.segments[i].amount <= 0) continue;
        so_far += bar.segments[i].amount;
        const int until = std::min(limit, std::max(std::min(cell_at(so_far), end), drawn + 1));
        for (; drawn < until; ++drawn) text += fill_of(i, unicode, style);
    }
    for (; drawn < limit; ++drawn) text += style.dim(free_fill(unicode));
    text += style.bold(unicode ? "│" : "|");
    for (; drawn < end; ++drawn) text += style.red("!");
    return text;
}

std::string render_legend(const StackedBar& bar, int width, bool unicode, const Style& style) {
    std::string text;
    std::size_t column = 0;
    const auto add = [&](const std::string& mark, const std::string& name, std::int64_t amount) {
        const auto words = " " + name + " " + to_string(Bytes{amount});
        const auto size = 1 + display_width(words);
        const bool breaks = column > 0 && column + 3 + size > static_cast<std::size_t>(std::max(1, width));
        if (column > 0) text += breaks ? "\n" : "   ";
        column = (column == 0 || breaks ? 0 : column + 3) + size;
        text += mark + words;
    };
    for (std::size_t i = 0; i < bar.segments.size(); ++i)
        if (bar.segments[i].amount > 0) add(fill_of(i, unicode, style), bar.segments[i].name, bar.segments[i].amount);
    const auto left = bar.limit - sum_of(bar);
    if (left >= 0)
        add(style.dim(free_fill(unicode)), "free", left);
    else
        add(style.red("!"), "too much", -left);
    return text;
}

}  // namespace sarai::cli
