#include "config/values.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sarai::config::values_test {

using namespace std::chrono_literals;

TEST(ConfigValues, ReadDurationsWithUnitsAndBareSeconds) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("2s"), 2000ms);
    EXPECT_EQ(parse_duration("1.5 s"), 1500ms);
    EXPECT_EQ(parse_duration("5m"), 300'000ms);
    EXPECT_EQ(parse_duration("1h"), 3'600'000ms);
    EXPECT_EQ(parse_duration("3"), 3000ms);
    EXPECT_EQ(parse_duration("0"), 0ms);
    for (const char* text : {"", "s", "-1s", "-0", "1e99", "inf", "nan", "2 days", "1sx", "0.0001ms", "10000h"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(ConfigValues, ReadListenAddressesAndTellLoopbackFromTheRest) {
    EXPECT_EQ(parse_listen("127.0.0.1:11435")->port, 11435);
    EXPECT_EQ(parse_listen("[::1]:0")->address, "::1");
    EXPECT_EQ(parse_listen("localhost:65535")->address, "localhost");
    for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"}) {
        ASSERT_TRUE(parse_listen(text)) << text;
        EXPECT_TRUE(parse_listen(text)->loopback) << text;
    }
    for (const char* text : {"0.0.0.0:1", "[::]:1", "192.168.1.20:1", "128.0.0.1:1"}) {
        ASSERT_TRUE(parse_listen(text)) << text;
        EXPECT_FALSE(parse_listen(text)->loopback) << text;
    }
    for (const char* text :
         {"", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:1x", "::1:80", "[::1]",
          "[::1]80", "[::1", "[127.0.0.1]:1", "256.0.0.1:1", "lan-box:1", "[]:1"}) {
        EXPECT_FALSE(parse_listen(text)) << text;
    }
    EXPECT_FALSE(parse_listen(std::string_view("127.0.0.1\0:80", 13))) << "a NUL byte ends no address";
}

TEST(ConfigValues, ReadMacAddresses) {
    EXPECT_EQ(parse_mac("00:1a:2B:3c:4d:ff"), (Mac{0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0xff}));
    EXPECT_TRUE(parse_mac("00-1a-2b-3c-4d-5e"));
    for (const char* bad : {"", "00:1a:2b:3c:4d", "00:1a:2b:3c:4d:5g", "00:1a-2b:3c:4d:5e", "001a2b3c4d5e",
                            "00:1a:2b:3c:4d:5e:6f", "+1:1a:2b:3c:4d:5e"})
        EXPECT_FALSE(parse_mac(bad)) << bad;
    EXPECT_TRUE(parse_ipv4_address("192.168.1.255:9"));
    for (const char* bad : {"192.168.1.255", "192.168.1.255:0", "localhost:9", "[::1]:9"})
        EXPECT_FALSE(parse_ipv4_address(bad)) << bad;
}

TEST(ConfigValues, ReadHttpUrlsWithAHost) {
    EXPECT_EQ(parse_url("http://lan-box:11434/")->text, "http://lan-box:11434");
    EXPECT_EQ(parse_url("http://lan-box")->port, 80);
    EXPECT_EQ(parse_url("https://api.example.com/v1")->port, 443);
    EXPECT_EQ(parse_url("http://[::1]:8000/v1")->host, "[::1]");
    for (const char* text : {"",
                             "lan-box:1",
                             "ftp://x",
                             "http://",
                             "http:///v1",
                             "http://:80",
                             "http://a:0",
                             "http://a:99999",
                             "http://a:b",
                             "http://u@a",
                             "http://u:p@a/",
                             "http://a/?q",
                             "http://a/#f",
                             "http://a b",
                             "http://[::1",
                             "http://[x]",
                             "http://-a",
                             "HTTP//a",
                             "http://a/\n",
                             "http://a/50%",
                             "http://a/%4",
                             "http://a/%zz"}) {
        EXPECT_FALSE(parse_url(text)) << text;
    }
    EXPECT_TRUE(parse_url("http://a/%7Eb"));
    EXPECT_FALSE(parse_url(std::string_view("http://[::1\0]/", 14))) << "a NUL byte ends no address";
}

TEST(ConfigValues, AcceptModelNamesThatAreSafeInPathsAndUrls) {
    for (const char* name : {"solar", "qwen2.5:7b", "hf.co/org/model-GGUF:Q4_K_M", "a"}) {
        EXPECT_TRUE(is_model_name(name)) << name;
    }
    EXPECT_TRUE(is_model_name(std::string(128, 'a')));
    EXPECT_FALSE(is_model_name(std::string(129, 'a')));
    for (const char* name : {"", "/etc", "a/../b", "..", "a b", "é", "a\nb", "a?b"}) {
        EXPECT_FALSE(is_model_name(name)) << name;
    }
}

TEST(ConfigValues, NameEnvironmentVariablesAsShellsCan) {
    EXPECT_EQ(environment_word("qwen2.5-omni:7b"), "QWEN2_5_OMNI_7B");
}

}  // namespace sarai::config::values_test
