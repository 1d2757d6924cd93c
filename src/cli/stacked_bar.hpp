// A bar of segments against a limit, for terminals: who takes how much of the budget, and what is over it. Pure.
//
// Segments differ by their fill characters, so that the picture works without colours. What lies over the limit is
// drawn as "!" behind the mark that ends it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/io.hpp"

namespace sarai::cli {

struct Segment {
    std::string name;
    std::int64_t amount = 0;
};

struct StackedBar {
    std::vector<Segment> segments;
    std::int64_t limit = 0;
    std::int64_t scale = 0;  // what the whole width stands for; bars of one scale can be compared. Less than the limit
                             // or the segments' sum: the larger of them
};

// One line without its end, `width` columns at most. Every segment that is more than nothing gets a cell while there
// are any left.
[[nodiscard]] std::string render_stacked_bar(const StackedBar& bar, int width, bool unicode, const Style& style);

// "█ lfm2 766 MiB   ▓ omni 4.50 GiB   · free 6.20 GiB", broken into lines of at most `width` columns. Amounts are
// bytes.
[[nodiscard]] std::string render_legend(const StackedBar& bar, int width, bool unicode, const Style& style);

}  // namespace sarai::cli
