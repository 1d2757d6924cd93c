#include "cli/stacked_bar.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "cli/table.hpp"

namespace sarai::cli::stacked_bar_test {
namespace {

const Style plain;

std::string ascii(std::vector<std::int64_t> amounts, std::int64_t limit, int width, std::int64_t scale = 0) {
    StackedBar bar{.segments = {}, .limit = limit, .scale = scale};
    for (const auto amount : amounts) bar.segments.push_back({"m", amount});
    return render_stacked_bar(bar, width, false, plain);
}

TEST(StackedBar, GivesEverySegmentItsShareOfTheLimit) {
    EXPECT_EQ(ascii({50, 25}, 100, 21), "##########=====.....|");
    EXPECT_EQ(ascii({100}, 100, 11), "##########|");
    EXPECT_EQ(ascii({}, 100, 11), "..........|");
    EXPECT_EQ(ascii({0, 50}, 100, 11), "=====.....|");  // a segment keeps its fill
}

TEST(StackedBar, ShowsHoweverLittleASegmentIs) {
    EXPECT_EQ(ascii({1, 1, 1, 1000}, 10000, 11), "#=o+......|");
    EXPECT_EQ(ascii({999'999, 1}, 1'000'000, 11), "##########|");  // no cell is left for it
}

TEST(StackedBar, MarksWhatIsOverTheLimit) {
    EXPECT_EQ(ascii({50, 70}, 100, 13), "#####=====|!!");
    EXPECT_EQ(ascii({100'001}, 100'000, 11), "#########|!");  // by a hair, and yet it is seen
    EXPECT_EQ(ascii({150}, 0, 6), "|!!!!!");
}

TEST(StackedBar, BarsOfOneScaleCanBeCompared) {
    EXPECT_EQ(ascii({100}, 100, 21, 200), "##########|");
    EXPECT_EQ(ascii({200}, 100, 21, 200), "##########|!!!!!!!!!!");
}

TEST(StackedBar, DrawsWithBlocksWhereTheLocaleHasThemAndNeverWiderThanAsked) {
    const StackedBar bar{.segments = {{"a", 30}, {"b", 30}, {"c", 60}}, .limit = 100};
    EXPECT_EQ(render_stacked_bar(bar, 13, true, plain), "███▓▓▓▒▒▒▒│!!");
    for (int width = 3; width < 60; ++width)
        EXPECT_LE(display_width(render_stacked_bar(bar, width, true, plain)), static_cast<std::size_t>(width));
    EXPECT_TRUE(render_stacked_bar(bar, 13, true, Style{true}).contains("\x1b[31m!\x1b[0m"));
}

TEST(Legend, NamesSegmentsAndWhatIsLeftOrTooMuchAndBreaksLines) {
    StackedBar bar{.segments = {{"lfm2", MiB(300).count}, {"none", 0}, {"omni", MiB(100).count}},
                   .limit = MiB(500).count};
    EXPECT_EQ(render_legend(bar, 80, false, plain), "# lfm2 300 MiB   o omni 100 MiB   . free 100 MiB");
    EXPECT_EQ(render_legend(bar, 34, false, plain), "# lfm2 300 MiB   o omni 100 MiB\n. free 100 MiB");
    bar.limit = MiB(200).count;
    EXPECT_EQ(render_legend(bar, 80, true, plain), "█ lfm2 300 MiB   ▒ omni 100 MiB   ! too much 200 MiB");
}

}  // namespace
}  // namespace sarai::cli::stacked_bar_test
