// The losses' curve as an SVG file, with axes and a legend, for light and dark pages.
#pragma once

#include <string>
#include <string_view>

#include "train.hpp"

namespace train_demo {

// A loss for each point, at equal distances up to `steps`.
[[nodiscard]] std::string draw_svg(const Curve& curve, int steps, std::string_view title);

}  // namespace train_demo
