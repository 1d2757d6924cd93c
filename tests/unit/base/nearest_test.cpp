#include "base/nearest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace sarai::nearest_test {

TEST(Nearest, CountsASwapOfNeighboursAsOneEdit) {
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
    EXPECT_EQ(edit_distance("bakcend", "backend"), 1U);
    EXPECT_EQ(edit_distance("Backend", "backend"), 0U);
}

TEST(Nearest, FindsTheMisspeltWordAndStaysSilentWhenNothingIsClose) {
    constexpr std::array<std::string_view, 3> words{"max_ram_gb", "policy", "path"};
    EXPECT_EQ(nearest("max_ran_gb", words), "max_ram_gb");
    EXPECT_EQ(nearest("maxram_gb", words), "max_ram_gb");
    EXPECT_EQ(nearest("polcy", words), "policy");
    EXPECT_EQ(nearest("colour", words), std::nullopt);
    EXPECT_EQ(nearest("", words), std::nullopt);
}

TEST(Nearest, IsCheapForAWordOfAMegabyte) {
    constexpr std::array<std::string_view, 1> words{"policy"};
    EXPECT_EQ(nearest(std::string(1U << 20U, 'p'), words), std::nullopt);
}

}  // namespace sarai::nearest_test
