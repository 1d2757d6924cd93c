#include "base/ip_address.hpp"

#include <gtest/gtest.h>

namespace sarai::ip_address_test {
namespace {

TEST(IpAddress, HasOneSpellingOfIPv4AndTheUsualOnesOfIPv6) {
    EXPECT_EQ(to_string(IpAddress::parse("192.0.2.1").value()), "192.0.2.1");
    EXPECT_EQ(to_string(IpAddress::parse("2001:DB8:0::1").value()), "2001:db8::1");
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
    EXPECT_TRUE(IpAddress::parse("192.0.2.1")->is_v4());
    EXPECT_FALSE(IpAddress::parse("::1")->is_v4());
    for (const auto* text : {"", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "0x1.2.3.4", "1.2.3.4 ", "[::1]",
                             "::1%eth0", ":::", "localhost", "12345::"})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpRange, HoldsWhatBeginsAsItDoes) {
    const auto ten = IpRange::parse("10.0.0.0/8").value();
    EXPECT_TRUE(ten.holds(*IpAddress::parse("10.255.1.2")));
    EXPECT_FALSE(ten.holds(*IpAddress::parse("11.0.0.0")));
    const auto odd = IpRange::parse("172.16.0.0/12").value();
    EXPECT_TRUE(odd.holds(*IpAddress::parse("172.31.0.1")));
    EXPECT_FALSE(odd.holds(*IpAddress::parse("172.32.0.1")));
    EXPECT_TRUE(IpRange::parse("fc00::/7")->holds(*IpAddress::parse("fdff::1")));
    EXPECT_FALSE(IpRange::parse("192.0.2.1")->holds(*IpAddress::parse("192.0.2.2")));
    EXPECT_TRUE(IpRange::parse("0.0.0.0/0")->holds(*IpAddress::parse("8.8.8.8")));
    EXPECT_FALSE(IpRange::parse("0.0.0.0/0")->holds(*IpAddress::parse("2001:db8::1")));
    for (const auto* text :
         {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "fc00::/129", "fd00::1/8", "host/8"})
        EXPECT_FALSE(IpRange::parse(text)) << text;
}

}  // namespace
}  // namespace sarai::ip_address_test
