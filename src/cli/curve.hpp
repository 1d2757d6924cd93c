// Curves over a common axis, drawn with characters, for terminals. Pure.
#pragma once

#include <string>
#include <vector>

namespace sarai::cli {

struct Curve {
    std::string name;
    std::vector<double> values;  // one a step; not finite: no point there
};

// `height` lines of points with the axis' values before, a line with the steps, and a legend. At most `width` columns:
// of more steps than there is room for, the last of those that share a column is drawn. Points differ by their
// characters; where two meet, the later curve's is seen. Empty where there is nothing to draw.
[[nodiscard]] std::string render_curves(const std::vector<Curve>& curves, int width, int height, bool unicode);

}  // namespace sarai::cli
