#include "cli/sparkline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>

namespace sarai::cli {
namespace {

constexpr std::array<std::string_view, 9> heights{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 9> plain{" ", ".", ".", ":", "-", "=", "+", "*", "#"};

}  // namespace

std::string sparkline(const std::vector<double>& values, int width, double least_top, bool unicode) {
    const auto columns = static_cast<std::size_t>(std::max(width, 0));
    const auto shown = std::span(values).last(std::min(values.size(), columns));
    double top = least_top;
    for (const double value : shown) top = std::max(top, value);
    constexpr double steps = 8;
    std::string text(columns - shown.size(), ' ');
    for (const double value : shown) {
        const double share = top > 0 && value > 0 ? value / top : 0;
        const auto step = share > 0 ? std::clamp(std::round(share * steps), 1.0, steps) : 0.0;
        text += (unicode ? heights : plain)[static_cast<std::size_t>(step)];
    }
    return text;
}

}  // namespace sarai::cli
