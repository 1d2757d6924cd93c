#include "gateway/log_ring.hpp"

#include <gtest/gtest.h>
#include <spdlog/logger.h>

#include <chrono>
#include <memory>
#include <thread>

namespace sarai::gateway::log_ring_test {
namespace {

struct Logged {
    std::shared_ptr<LogRing> ring = std::make_shared<LogRing>(3);
    spdlog::logger logger{"test", ring};
};

TEST(LogRing, KeepsTheLastLinesAndGoesOnCounting) {
    Logged log;
    for (const auto* text : {"a", "b", "c", "d"}) log.logger.info("{}", text);
    const auto lines = log.ring->after(0, 100);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines.front().text, "b");
    EXPECT_EQ(lines.front().id, 2U);
    EXPECT_EQ(lines.back().text, "d");
    EXPECT_EQ(lines.back().level, "info");
}

TEST(LogRing, OfEachServerHasANameOfItsOwn) {
    const LogRing first(1);
    std::this_thread::sleep_for(std::chrono::microseconds(2));  // it is a time
    EXPECT_NE(first.run(), LogRing(1).run());
    EXPECT_EQ(first.run(), first.run());
}

TEST(LogRing, GivesOnlyWhatCameAfterALine) {
    Logged log;
    for (const auto* text : {"a", "b", "c"}) log.logger.warn("{}", text);
    const auto lines = log.ring->after(2, 100);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines.front().text, "c");
    EXPECT_TRUE(log.ring->after(3, 100).empty());
    EXPECT_EQ(log.ring->after(0, 2).front().text, "b");
}

TEST(LogRing, ALineIsShownWithItsTimeAndAsText) {
    const auto json = log_line_json({.id = 7,
                                     .at = std::chrono::system_clock::time_point(std::chrono::milliseconds(1500)),
                                     .level = "error",
                                     .text = "cut \xc3"});
    EXPECT_EQ(json.at("at").as_string(), "1970-01-01T00:00:01.500Z");
    EXPECT_EQ(json.at("level").as_string(), "error");
    EXPECT_EQ(json.at("text").as_string(), "cut \xef\xbf\xbd");
}

}  // namespace
}  // namespace sarai::gateway::log_ring_test
