#include "cli/curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

namespace sarai::cli {
namespace {

constexpr int label_width = 7;  // "0.1234 "

std::string_view point_of(std::size_t curve, bool unicode) {
    static constexpr std::array<std::string_view, 4> drawn{"○", "●", "◇", "◆"};
    static constexpr std::array<std::string_view, 4> plain{"o", "*", "+", "x"};
    return unicode ? drawn[curve % drawn.size()] : plain[curve % plain.size()];
}

}  // namespace

std::string render_curves(const std::vector<Curve>& curves, int width, int height, bool unicode) {
    std::size_t steps = 0;
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (const auto& curve : curves) {
        steps = std::max(steps, curve.values.size());
        for (const double value : curve.values) {
            if (!std::isfinite(value)) continue;
            low = std::min(low, value);
            high = std::max(high, value);
        }
    }
    if (!std::isfinite(low) || height < 2) return {};
    if (high - low < 1e-9) high = low + 1e-9;

    const int room = std::max(1, width - label_width - 2);
    const int spacing = std::clamp(room / static_cast<int>(steps), 1, 4);
    const int columns = std::min(room, static_cast<int>(steps) * spacing);
    const auto column_of = [&](std::size_t step) {
        const auto fitting = static_cast<std::size_t>(columns / spacing);
        return static_cast<int>(steps <= fitting ? step : step * fitting / steps) * spacing;
    };
    std::vector<std::vector<std::string_view>> grid(
        static_cast<std::size_t>(height), std::vector<std::string_view>(static_cast<std::size_t>(columns), " "));
    for (std::size_t k = 0; k < curves.size(); ++k) {
        for (std::size_t step = 0; step < curves[k].values.size(); ++step) {
            const double value = curves[k].values[step];
            if (!std::isfinite(value)) continue;
            const auto line = std::lround((high - value) / (high - low) * (height - 1));
            grid[static_cast<std::size_t>(line)][static_cast<std::size_t>(column_of(step))] = point_of(k, unicode);
        }
    }
    std::string text;
    for (int line = 0; line < height; ++line) {
        const double value = high - (high - low) * line / (height - 1);
        std::string drawn;
        for (const auto cell : grid[static_cast<std::size_t>(line)]) drawn += cell;
        drawn.erase(drawn.find_last_not_of(' ') + 1);
        text += fmt::format("{:6.4f} {}{}\n", value, unicode ? "┤" : "|", drawn);
    }
    std::string axis;
    for (int i = 0; i < columns; ++i) axis += unicode ? "─" : "-";
    text += fmt::format("{:{}}{}{} {}\n", "", label_width, unicode ? "└" : "+", axis, steps);
    text += std::string(label_width + 1, ' ');
    for (std::size_t k = 0; k < curves.size(); ++k)
        text += fmt::format("{}{} {}", k > 0 ? "   " : "", point_of(k, unicode), curves[k].name);
    return text + "\n";
}

}  // namespace sarai::cli
