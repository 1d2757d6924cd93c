#include "media/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sarai::media::guard_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const AllowList nothing{{}};

IpAddress at(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(Guard, KnowsEveryAddressThatIsNotPublic) {
    struct Case {
        std::string_view address, use;
    };
    for (const auto& [address, use] : {
             Case{"0.0.0.0", "this network"},
             Case{"0.1.2.3", "this network"},
             Case{"10.0.0.1", "RFC 1918"},
             Case{"100.64.0.1", "RFC 6598"},
             Case{"100.127.255.255", "RFC 6598"},
             Case{"127.0.0.1", "loopback"},
             Case{"127.255.255.254", "loopback"},
             Case{"169.254.169.254", "link-local"},
             Case{"172.16.0.1", "RFC 1918"},
             Case{"172.31.255.255", "RFC 1918"},
             Case{"192.0.0.8", "RFC 6890"},
             Case{"192.0.2.1", "documentation"},
             Case{"192.88.99.1", "6to4"},
             Case{"192.168.1.1", "RFC 1918"},
             Case{"198.18.0.1", "benchmarking"},
             Case{"198.19.255.255", "benchmarking"},
             Case{"198.51.100.1", "documentation"},
             Case{"203.0.113.1", "documentation"},
             Case{"224.0.0.1", "multicast"},
             Case{"239.255.255.255", "multicast"},
             Case{"240.0.0.1", "reserved"},
             Case{"255.255.255.255", "reserved"},
             Case{"::", "unspecified"},
             Case{"::1", "loopback"},
             Case{"::ffff:127.0.0.1", "loopback"},
             Case{"::ffff:10.1.2.3", "RFC 1918"},
             Case{"::127.0.0.1", "IPv4-compatible"},
             Case{"::ffff:0:127.0.0.1", "IPv4-translated"},
             Case{"64:ff9b::10.0.0.1", "NAT64"},
             Case{"64:ff9b::8.8.8.8", "NAT64"},
             Case{"64:ff9b:1::1", "NAT64"},
             Case{"100::1", "discard"},
             Case{"2001::1", "Teredo"},
             Case{"2001:2::1", "RFC 2928"},
             Case{"2001:db8::1", "documentation"},
             Case{"2002:7f00:1::", "6to4"},
             Case{"3fff::1", "documentation"},
             Case{"5f00::1", "segment"},
             Case{"fc00::1", "unique local"},
             Case{"fd12:3456::1", "unique local"},
             Case{"fe80::1", "link-local"},
             Case{"fec0::1", "site-local"},
             Case{"ff02::1", "multicast"},
             Case{"4000::1", "not assigned"},
             Case{"200::1", "not assigned"},
         })
        EXPECT_THAT(special_use(at(address)), HasSubstr(use)) << address;
}

TEST(Guard, LeavesThePublicNetworkAlone) {
    for (const auto* address :
         {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
          "100.128.0.0",     "126.255.255.255", "128.0.0.1",       "169.253.255.255", "172.15.255.255",
          "172.32.0.0",      "192.0.1.1",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
          "198.20.0.0",      "223.255.255.255", "::ffff:8.8.8.8",  "2001:200::1",     "2001:4860:4860::8888",
          "2606:4700::1111", "2a00:1450::1"})
        EXPECT_TRUE(is_public(at(address))) << address << " " << special_use(at(address));
}

TEST(Guard, RefusesHostsThatAResolverWouldReadAsAddresses) {
    for (const auto* host : {"2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.01", "1.2.3",
                             "127.0.0.0x1", "example.0x", "256.256.256.256", "1.2.3.4.5"}) {
        const auto url = guard_url("http://" + std::string(host) + "/a.png", nothing);
        ASSERT_FALSE(url) << host;
        EXPECT_EQ(url.error().code, Code::invalid_argument);
        EXPECT_THAT(url.error().message, AllOf(HasSubstr(host), HasSubstr("unusual spelling"))) << host;
    }
    for (const auto* url : {"http://user@example.com/", "http://user:pw@example.com/", "http://127.0.0.1@example.com/",
                            "ftp://example.com/", "file:///etc/passwd", "http:///x", "http://[fe80::1%25eth0]/",
                            "http://exa mple.com/", "//example.com/", "gopher://example.com", "http://"})
        EXPECT_FALSE(guard_url(url, nothing)) << url;
}

TEST(Guard, TakesALastDotAwayAndLeavesTheRestOfTheUrl) {
    const auto url = guard_url("https://Example.COM./a/b.png?c=d#e", nothing);
    ASSERT_TRUE(url) << url.error().message;
    EXPECT_EQ(url->origin.host, "Example.COM");
    EXPECT_EQ(url->origin.port, "443");
    EXPECT_EQ(url->target, "/a/b.png?c=d");
    EXPECT_EQ(guard_url("http://127.0.0.1./", nothing)->origin.host, "127.0.0.1");  // refused as what it is
    EXPECT_TRUE(guard_url("http://[2606:4700::1111]:8080/", nothing));
}

TEST(Guard, LetsNobodyTryThePortsOfOtherServices) {
    for (const auto* port : {"22", "25", "81", "587", "6000", "6667", "2049"})
        EXPECT_THAT(guard_url("http://example.com:" + std::string(port) + "/", nothing).error().message,
                    HasSubstr("port " + std::string(port)));
    for (const auto* port : {"80", "443", "8080", "8443", "11434"})
        EXPECT_TRUE(guard_url("http://example.com:" + std::string(port) + "/", nothing)) << port;
    EXPECT_TRUE(guard_url("http://files.lan:81/", AllowList({"files.lan"})));
}

TEST(Guard, AllowsWhatTheConfigurationNames) {
    const AllowList allowed({"192.168.1.0/24", "intranet.example", "fd00::/8"});
    EXPECT_TRUE(guard_address(at("192.168.1.77"), "nas", allowed));
    EXPECT_TRUE(guard_address(at("::ffff:192.168.1.77"), "nas", allowed));
    EXPECT_TRUE(guard_address(at("10.0.0.1"), "Intranet.Example.", allowed));
    EXPECT_TRUE(guard_address(at("fd00::5"), "nas", allowed));
    EXPECT_TRUE(guard_address(at("8.8.8.8"), "dns", allowed));
    const auto other = guard_address(at("192.168.2.77"), "nas", allowed);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Code::invalid_argument);
    EXPECT_THAT(other.error().message, HasSubstr("192.168.2.77 (nas) is not public: private use"));
    EXPECT_THAT(other.error().hint, HasSubstr("media.allow"));
}

}  // namespace
}  // namespace sarai::media::guard_test
