#include "base/recent.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sarai::recent_test {

TEST(Recent, TheOneThatWasUsedLongestAgoGoesFirst) {
    Recent<std::string, int> recent(2);
    recent.put("a", 1);
    recent.put("b", 2);
    ASSERT_NE(recent.find("a"), nullptr);
    recent.put("c", 3);
    EXPECT_EQ(recent.find("b"), nullptr);
    EXPECT_EQ(*recent.find("a"), 1);
    EXPECT_EQ(*recent.find("c"), 3);
    EXPECT_EQ(recent.size(), 2U);
}

TEST(Recent, OneKeyHasOneValue) {
    Recent<std::string, int> recent(2);
    recent.put("a", 1);
    recent.put("b", 2);
    recent.put("a", 3);
    EXPECT_EQ(recent.size(), 2U);
    EXPECT_EQ(*recent.find("a"), 3);
    recent.put("c", 4);
    EXPECT_EQ(recent.find("b"), nullptr);
}

}  // namespace sarai::recent_test
