// A row of bars, one a value, for terminals. Pure.
#pragma once

#include <string>
#include <vector>

namespace sarai::cli {

// `width` columns for the last values, the latest at the right; blank where there are fewer. The highest of `least_top`
// and the values shown fills its column; what is more than nothing is seen.
[[nodiscard]] std::string sparkline(const std::vector<double>& values, int width, double least_top, bool unicode);

}  // namespace sarai::cli
