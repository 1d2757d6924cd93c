#include "net/framing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sarai::net::framing_test {
namespace {

std::vector<std::string> data_of(SseParser& parser) {
    std::vector<std::string> all;
    while (auto event = parser.next()) all.push_back(event->data);
    return all;
}

}  // namespace

TEST(SseParser, GivesTheSameEventsHoweverTheBytesAreCut) {
    const std::string stream =
        ": ping\n\ndata: {\"a\":\"ñ\"}\n\nevent: x\ndata: one\r\ndata: two\r\n\r\ndata:[DONE]\n\n";
    const std::vector<std::string> expected{"{\"a\":\"ñ\"}", "one\ntwo", "[DONE]"};
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        SseParser parser;
        std::vector<std::string> all;
        for (const auto part : {std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)}) {
            ASSERT_TRUE(parser.feed(part));
            for (auto& data : data_of(parser)) all.push_back(std::move(data));
        }
        EXPECT_EQ(all, expected) << "cut at " << cut;
    }
}

TEST(SseParser, KnowsEveryLineEndAndAByteOrderMark) {
    const std::string stream =
        "\xEF\xBB\xBF"
        "data: a\r\rdata: b\ndata: c\r\n\r\n:\r\rdata: d\r\n\ndata: \xEF\xBB\xBF\n\r";
    const std::vector<std::string> expected{"a", "b\nc", "d", "\xEF\xBB\xBF"};
    for (std::size_t cut = 0; cut <= stream.size(); ++cut)
        for (std::size_t second = cut; second <= stream.size(); ++second) {
            SseParser parser;
            std::vector<std::string> all;
            const std::string_view whole(stream);
            for (const auto part : {whole.substr(0, cut), whole.substr(cut, second - cut), whole.substr(second)}) {
                ASSERT_TRUE(parser.feed(part));
                for (auto& data : data_of(parser)) all.push_back(std::move(data));
            }
            EXPECT_EQ(all, expected) << "cut at " << cut << " and " << second;
        }
}

TEST(LineSplitter, ACarriageReturnWithinALineIsWhiteSpace) {
    LineSplitter lines;
    ASSERT_TRUE(lines.feed("{\"a\":\r1}\r\n{}\n"));
    EXPECT_EQ(lines.next(), "{\"a\":\r1}");
    EXPECT_EQ(lines.next(), "{}");
    EXPECT_FALSE(lines.next().has_value());
}

TEST(SseParser, KeepsBackAnEventThatIsNotWhole) {
    SseParser parser;
    ASSERT_TRUE(parser.feed("data: half"));
    EXPECT_FALSE(parser.next().has_value());
    ASSERT_TRUE(parser.feed("\n"));
    EXPECT_FALSE(parser.next().has_value());
    ASSERT_TRUE(parser.feed("\n"));
    EXPECT_EQ(parser.next()->data, "half");
}

TEST(SseParser, RefusesAnEventOfLinesThatNeverEnds) {
    SseParser parser(16);
    bool refused = false;
    for (int i = 0; i < 10 && !refused; ++i) {
        const auto fed = parser.feed("data: 12345\n");
        refused = !fed && fed.error().code == Code::upstream;
        EXPECT_FALSE(parser.next().has_value());
    }
    EXPECT_TRUE(refused);
}

TEST(LineSplitter, RefusesALineThatNeverEnds) {
    LineSplitter lines(8);
    ASSERT_TRUE(lines.feed("12345"));
    const auto refused = lines.feed("67890");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::upstream);
}

TEST(LineSplitter, ShowsWhatIsLeftWithoutALineEnd) {
    LineSplitter lines;
    ASSERT_TRUE(lines.feed("{\"done\":true}\n{\"hal"));
    EXPECT_EQ(lines.next(), "{\"done\":true}");
    EXPECT_FALSE(lines.next().has_value());
    EXPECT_EQ(lines.rest(), "{\"hal");
}

}  // namespace sarai::net::framing_test
