#include "memory/pressure.hpp"

#include <gtest/gtest.h>

namespace sarai::memory::pressure_test {

TEST(Pressure, ReadsWhatTheKernelSaysOfTheLastTenSeconds) {
    const auto pressure = parse_pressure(
        "some avg10=12.34 avg60=5.00 avg300=1.00 total=123456\n"
        "full avg10=4.50 avg60=2.00 avg300=0.10 total=23456\n");
    ASSERT_TRUE(pressure.has_value());
    EXPECT_DOUBLE_EQ(pressure->some, 12.34);
    EXPECT_DOUBLE_EQ(pressure->full, 4.5);
}

TEST(Pressure, IsAbsentOnKernelsWithoutIt) {
    EXPECT_FALSE(parse_pressure("").has_value());
    EXPECT_FALSE(parse_pressure("some avg60=1.0\n").has_value());
    EXPECT_FALSE(parse_pressure("something avg10=1.0\n").has_value());
    EXPECT_FALSE(parse_pressure("some avg10=\n").has_value());
    EXPECT_FALSE(read_pressure("/no/such/file").has_value());
}

TEST(Pressure, DoesWithoutTheSecondLine) {
    const auto pressure = parse_pressure("some avg10=1.00 avg60=0.00 avg300=0.00 total=1");
    ASSERT_TRUE(pressure.has_value());
    EXPECT_EQ(pressure->full, 0);
}

}  // namespace sarai::memory::pressure_test
