#include "access/keyring.hpp"

#include <gtest/gtest.h>

#include "base/sha256.hpp"

namespace sarai::access::keyring_test {
namespace {

using namespace std::chrono_literals;

config::Access with(config::ApiKey key) {
    key.name = "ann";
    key.sha256 = sha256_hex("secret");
    return {.keys = {{.name = "ben", .sha256 = sha256_hex("other")}, std::move(key)}};
}

class Limits : public ::testing::Test {
protected:
    explicit Limits(config::ApiKey key = {}) : access(with(std::move(key))) {}
    Result<Visit> enter() { return ring.enter(*ring.who("secret"), now); }

    config::Access access;
    Keyring ring{access};
    Time now{1000s};
};

TEST(Keyring, WithoutKeysEverybodyIsWelcome) {
    const config::Access nobody;
    Keyring ring(nobody);
    ASSERT_TRUE(ring.who(""));
    EXPECT_EQ(*ring.who("anything"), nullptr);
    auto visit = ring.enter(nullptr, Time{});
    ASSERT_TRUE(visit);
    visit->spend(5);  // of nobody's account
    EXPECT_TRUE(may_use(nullptr, "m"));
    EXPECT_TRUE(may_manage(nullptr));
}

TEST(Keyring, KnowsKeysByTheirHash) {
    const auto access = with({});
    const Keyring ring(access);
    EXPECT_EQ((*ring.who("secret"))->name, "ann");
    EXPECT_EQ((*ring.who("other"))->name, "ben");
    for (const auto* wrong : {"Secret", "secret ", "x"}) EXPECT_EQ(ring.who(wrong).error().code, Code::unauthorized);
    // The hash is no key.
    EXPECT_FALSE(ring.who(access.keys[1].sha256));
    EXPECT_NE(ring.who("").error().hint.find("Bearer"), std::string::npos);
}

TEST(Keyring, ModelsAndAdministrationAreForWhomTheyAreMeant) {
    const config::ApiKey key{.name = "ann", .sha256 = {}, .models = {"lfm2"}};
    EXPECT_TRUE(may_use(&key, "lfm2"));
    EXPECT_TRUE(may_use(&key, "lfm2:latest"));
    EXPECT_EQ(may_use(&key, "solar").error().code, Code::forbidden);
    EXPECT_EQ(may_use(&key, "lfm").error().code, Code::forbidden);
    EXPECT_EQ(may_manage(&key).error().code, Code::forbidden);
    const config::ApiKey admin{.name = "ben", .sha256 = {}, .admin = true};
    EXPECT_TRUE(may_manage(&admin));
    EXPECT_TRUE(may_use(&admin, "solar"));
}

TEST(Keyring, AVisitKeepsItsKeyWhateverBecomesOfTheConfiguration) {
    auto access = with({.admin = true, .models = {"lfm2"}});
    Keyring ring(access);
    auto visit = ring.enter(*ring.who("secret"), Time{});
    ASSERT_TRUE(visit);
    Visit moved = std::move(*visit);
    access.keys = {{.name = "eve", .sha256 = sha256_hex("new")}};
    ASSERT_NE(moved.key(), nullptr);
    EXPECT_EQ(moved.key()->name, "ann");
    EXPECT_TRUE(may_manage(moved.key()));
}

class RequestLimit : public Limits {
protected:
    RequestLimit() : Limits({.requests_per_minute = 2}) {}
};
TEST_F(RequestLimit, ComesBackEvenly) {
    EXPECT_TRUE(enter());
    EXPECT_TRUE(enter());
    const auto refused = enter();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::rate_limited);
    EXPECT_EQ(refused.error().retry_after, 30s);
    EXPECT_NE(refused.error().message.find("2 requests per minute"), std::string::npos);
    now += 29s;
    EXPECT_FALSE(enter());
    now += 1s;
    EXPECT_TRUE(enter());
    EXPECT_FALSE(enter());
    now += 1h;
    const auto left = ring.left(access.keys[1], now);
    EXPECT_EQ(left.requests.limit, 2);
    EXPECT_EQ(left.requests.remaining, 2);  // no more than a minute's
    EXPECT_EQ(left.requests.reset, 0s);
    EXPECT_EQ(left.tokens.limit, 0);
}

class TokenLimit : public Limits {
protected:
    TokenLimit() : Limits({.tokens_per_minute = 600}) {}
};
TEST_F(TokenLimit, AnAnswerMayOverdrawAndIsPaidBack) {
    enter()->spend(700);
    const auto refused = enter();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().retry_after, 11s);  // 101 tokens at 10 a second
    now += 11s;
    EXPECT_TRUE(enter());
}

class Concurrency : public Limits {
protected:
    Concurrency() : Limits({.concurrency = 1}) {}
};
TEST_F(Concurrency, IsFreeAgainWhenTheVisitEnds) {
    auto first = enter();
    ASSERT_TRUE(first);
    EXPECT_EQ(enter().error().code, Code::rate_limited);
    Visit moved = std::move(*first);
    EXPECT_FALSE(enter());
    moved = Visit{};
    EXPECT_TRUE(enter());
}

TEST_F(Limits, OfAKeyThatHasNoneAreNone) {
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(enter());
}

}  // namespace
}  // namespace sarai::access::keyring_test
