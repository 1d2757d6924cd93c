#include "access/origin.hpp"

#include <gtest/gtest.h>

namespace sarai::access::origin_test {
namespace {

TEST(Host, IsOursByAddressLocalNameAndTheMachinesName) {
    for (const auto* ours : {"127.0.0.1:11435", "127.0.0.1", "[::1]:80", "[::1]", "192.168.1.7:11435", "localhost",
                             "LOCALHOST:1", "sarai.localhost:8080", "localhost.", "lan-box", "Lan-Box.home.arpa:11435",
                             "lan-box.local", "lan-box.example"})
        EXPECT_TRUE(is_our_host(ours, "lan-box.example", {})) << ours;
    for (const auto* foreign :
         {"", "evil.example", "evil.example:11435", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost",
          "[::1", "127.0.0.1@evil.example", ".localhost", "lan-box.evil.example", "lan-box.local.evil.example",
          "127.0.0.1:1batch=1", "localhost:x", "[::1]:8080.evil.example"})
        EXPECT_FALSE(is_our_host(foreign, "lan-box", {})) << foreign;
    EXPECT_FALSE(is_our_host("anything", "", {}));
    using namespace std::string_view_literals;
    EXPECT_FALSE(is_our_host("127.0.0.1\0evil.example:80"sv, "", {}));
}

TEST(Host, MayBeAllowedByName) {
    EXPECT_TRUE(is_our_host("Sarai.lan:1", "", {.allowed_hosts = {"sarai.lan"}}));
    EXPECT_FALSE(is_our_host("other.lan", "", {.allowed_hosts = {"sarai.lan"}}));
    EXPECT_TRUE(is_our_host("other.lan", "", {.allowed_hosts = {"*"}}));
}

TEST(Origin, OfOurOwnPageOrOfNoneIsNoQuestion) {
    EXPECT_EQ(judge_origin("", "127.0.0.1:1", {}), Origin::none);
    EXPECT_EQ(judge_origin("http://127.0.0.1:1", "127.0.0.1:1", {}), Origin::none);
    EXPECT_EQ(judge_origin("http://127.0.0.1:2", "127.0.0.1:1", {}), Origin::foreign);
    EXPECT_EQ(judge_origin("null", "127.0.0.1:1", {}), Origin::foreign);
    EXPECT_EQ(judge_origin("null", "", {}), Origin::foreign);
    EXPECT_EQ(judge_origin("https://", "", {}), Origin::foreign);
}

TEST(Origin, OfAPageThatMayCall) {
    const config::Access access{.cors_origins = {"https://chat.example"}};
    EXPECT_EQ(judge_origin("https://chat.example", "127.0.0.1:1", access), Origin::allowed);
    EXPECT_EQ(judge_origin("http://chat.example", "127.0.0.1:1", access), Origin::foreign);
    EXPECT_EQ(judge_origin("https://chat.example.evil", "127.0.0.1:1", access), Origin::foreign);
    EXPECT_EQ(judge_origin("null", "127.0.0.1:1", {.cors_origins = {"*"}}), Origin::allowed);
}

}  // namespace
}  // namespace sarai::access::origin_test
