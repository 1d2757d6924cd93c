#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace sarai::bytes_test {

TEST(Bytes, ReadsBinaryAndDecimalUnits) {
    EXPECT_EQ(parse_bytes("12GiB").value(), GiB(12));
    EXPECT_EQ(parse_bytes("512 MB").value(), Bytes{512'000'000});
    EXPECT_EQ(parse_bytes("1.5g").value(), Bytes{1'610'612'736});
    EXPECT_EQ(parse_bytes("0").value(), Bytes{});
    EXPECT_EQ(parse_bytes("12").error().message,
              "\"12\" has no unit; expected a number and a unit, such as 12GiB or 12MB");
    EXPECT_EQ(parse_bytes("4096").value(), Bytes{4096});
}

TEST(Bytes, RefusesWhatIsNoAmountAndSaysWhatWasExpected) {
    for (const char* text : {"", "GiB", "12 apples", "-1GiB", "1e400", "12GiBx", "nan", "inf"}) {
        const auto parsed = parse_bytes(text);
        ASSERT_FALSE(parsed.has_value()) << text;
        EXPECT_EQ(parsed.error().code, Code::invalid_argument);
        EXPECT_NE(parsed.error().message.find("12GiB"), std::string::npos);
    }
    EXPECT_FALSE(parse_bytes(std::string_view("12GiB\0", 6))) << "a NUL byte ends no unit";
    EXPECT_TRUE(parse_bytes("\xff").error().message.starts_with("\"\xef\xbf\xbd\" is"));
}

TEST(Bytes, PrintsForPeople) {
    EXPECT_EQ(to_string(Bytes{512}), "512 B");
    EXPECT_EQ(to_string(MiB(3)), "3.0 MiB");
    EXPECT_EQ(to_string(Bytes{10'456'789}), "10 MiB") << "9.97 MiB rounds up to what has no decimal";
    EXPECT_EQ(to_string(MiB(837)), "837 MiB");
    EXPECT_EQ(to_string(Bytes{7'204'798'464}), "6.71 GiB");
    EXPECT_EQ(to_string(Bytes{} - MiB(837)), "-837 MiB");
}

}  // namespace sarai::bytes_test
