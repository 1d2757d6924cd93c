#include "base/sha256.hpp"

#include <gtest/gtest.h>

namespace sarai::sha256_test {
namespace {

// FIPS 180-4's examples.
TEST(Sha256, HashesAsTheStandardSays) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesGiveTheHashOfTheWhole) {
    Sha256 hash;
    hash.update("a");
    hash.update("");
    hash.update("bc");
    EXPECT_EQ(hash.hex(), sha256_hex("abc"));
}

TEST(Sha256, KnowsItsOwnForm) {
    EXPECT_TRUE(is_sha256_hex(sha256_hex("x")));
    EXPECT_FALSE(is_sha256_hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
    EXPECT_FALSE(is_sha256_hex(sha256_hex("x") + "0"));
    EXPECT_FALSE(is_sha256_hex(""));
}

}  // namespace
}  // namespace sarai::sha256_test
