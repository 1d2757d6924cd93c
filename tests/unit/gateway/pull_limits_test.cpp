#include "gateway/pull_limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace sarai::gateway::pull_limits_test {

using testing::HasSubstr;

TEST(PullLimits, WhatIsLargerThanTheBudgetLessWhatSaraiTakesIsRefused) {
    const MemoryLimits limits{.budget = MiB(100), .own = MiB(32), .machine = GiB(4)};
    EXPECT_TRUE(check_memory("m", MiB(68), limits).has_value());
    const auto refused = check_memory("lab/m", MiB(68) + Bytes{1}, limits);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::no_memory);
    EXPECT_EQ(refused.error().message,
              "model 'lab/m' cannot fit: its file alone takes 68 MiB (71303169 bytes) and sarai itself 32 MiB, the "
              "memory budget is 100 MiB; nothing was downloaded");
    EXPECT_EQ(refused.error().hint, "Pull a smaller quantisation or set memory.max_ram to more than 101MiB.");
}

TEST(PullLimits, WhatTheMachineCannotHoldIsNotAQuestionOfSettings) {
    const MemoryLimits limits{.budget = MiB(100), .own = MiB(32), .machine = GiB(4)};
    for (const auto size : {GiB(4), Bytes{std::numeric_limits<std::int64_t>::max()}})
        EXPECT_THAT(check_memory("m", size, limits).error().hint, HasSubstr("has not enough memory"));
}

TEST(PullLimits, WhereTheBudgetIsUnknownNothingIsRefused) {
    EXPECT_TRUE(check_memory("m", GiB(4000), {.budget = {}, .own = MiB(32), .machine = {}}).has_value());
}

}  // namespace sarai::gateway::pull_limits_test
