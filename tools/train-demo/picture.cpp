#include "picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

namespace train_demo {
namespace {

constexpr double whole_width = 640, whole_height = 320, left = 56, right = 16, top = 40, bottom = 44;

class Drawing {
public:
    Drawing(std::size_t points, double highest) : points_(static_cast<double>(points)), highest_(highest) {}
    [[nodiscard]] double x(double step_share) const { return left + (whole_width - left - right) * step_share; }
    [[nodiscard]] double y(double loss) const {
        return whole_height - bottom - (whole_height - top - bottom) * loss / highest_;
    }
    [[nodiscard]] std::string line(std::span<const double> losses, std::string_view color) const {
        std::string points;
        for (std::size_t i = 0; i < losses.size(); ++i)
            points +=
                fmt::format("{}{:.1f},{:.1f}", i > 0 ? " " : "", x(static_cast<double>(i + 1) / points_), y(losses[i]));
        return fmt::format(R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>)"
                           "\n",
                           points, color);
    }

private:
    double points_, highest_;
};

}  // namespace

std::string draw_svg(const Curve& curve, int steps, std::string_view title) {
    double highest = 1;
    for (const auto* losses : {&curve.learnt, &curve.held_out})
        for (const double loss : *losses) highest = std::max(highest, std::ceil(loss));
    const Drawing drawing(std::max<std::size_t>(1, curve.learnt.size()), highest);
    std::string svg = fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="12">
<style>text {{ fill: #333 }} .grid {{ stroke: #999; stroke-opacity: 0.35 }} @media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} }}</style>
<text x="{}" y="22" font-size="14">{}</text>
)",
        whole_width, whole_height, left, title);
    for (double loss = 0; loss <= highest; loss += 1)
        svg += fmt::format(R"(<line class="grid" x1="{0}" y1="{2:.1f}" x2="{1}" y2="{2:.1f}"/>
<text x="{3}" y="{4:.1f}" text-anchor="end">{5}</text>
)",
                           left, whole_width - right, drawing.y(loss), left - 8, drawing.y(loss) + 4, loss);
    for (int part = 0; part <= 4; ++part)
        svg += fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)"
                           "\n",
                           drawing.x(part / 4.0), whole_height - bottom + 18, steps * part / 4);
    svg += fmt::format(R"(<text x="{}" y="{}" text-anchor="end">steps</text>)"
                       "\n",
                       whole_width - right, whole_height - 8);
    svg += drawing.line(curve.learnt, "#0b7285");
    svg += drawing.line(curve.held_out, "#e8590c");
    svg += fmt::format(R"(<text x="{0}" y="{1}" text-anchor="end"><tspan fill="#0b7285">● learnt</tspan></text>
<text x="{0}" y="{2}" text-anchor="end"><tspan fill="#e8590c">● held out</tspan></text>
</svg>
)",
                       whole_width - right, top + 14, top + 30);
    return svg;
}

}  // namespace train_demo
