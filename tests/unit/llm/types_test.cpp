#include "llm/types.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::llm::types_test {
namespace {

namespace json = boost::json;

std::optional<Rates> rates_in(std::string_view text) { return rates_of(json::parse(text).as_object()); }

}  // namespace

TEST(Rates, AreReadFromTheTimingsOfTheLastChunk) {
    const auto rates = rates_in(
        R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"cache_n":100,"prompt_n":32,)"
        R"("prompt_ms":400.5,"prompt_per_second":79.9,"predicted_n":20,"predicted_ms":1000,"predicted_per_second":20}})");
    ASSERT_TRUE(rates);
    EXPECT_EQ(rates->prompt_tokens, 32);
    EXPECT_DOUBLE_EQ(rates->prompt_seconds, 0.4005);
    EXPECT_EQ(rates->decode_tokens, 20);
    EXPECT_DOUBLE_EQ(rates->decode_seconds, 1);
}

TEST(Usage, OfAbsurdTimingsIsAddedUpWithoutOverflow) {
    const auto usage = usage_of(
        json::parse(R"({"timings":{"prompt_n":9223372036854775807,"cache_n":9223372036854775807,"predicted_n":1}})")
            .as_object());
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->prompt_tokens, std::int64_t{1} << 54U);
}

TEST(Rates, AreNoneWhereTheServerDoesNotTellThem) {
    for (const auto* text : {R"({})", R"({"timings":null})", R"({"timings":[1]})", R"({"usage":{"prompt_tokens":3}})",
                             R"({"timings":{"prompt_n":-1}})", R"({"timings":{"prompt_n":3,"prompt_ms":-0.5}})"})
        EXPECT_FALSE(rates_in(text)) << text;
}

TEST(Rates, AreZeroForPartsThatAreMissingOrOfAnotherType) {
    const auto rates = rates_in(R"({"timings":{"prompt_n":"many","predicted_n":5,"predicted_ms":10}})");
    ASSERT_TRUE(rates);
    EXPECT_EQ(rates->prompt_tokens, 0);
    EXPECT_EQ(rates->decode_tokens, 5);
}

TEST(LongestInput, IsThatOfOneOfTheInputs) {
    const auto longest = [](std::string_view body) {
        return longest_input({.task = Task::embedding, .model = "m", .body = boost::json::parse(body).as_object()});
    };
    EXPECT_EQ(longest(R"({"input":"four"})"), 4U);
    EXPECT_EQ(longest(R"({"input":["a","four","bc"]})"), 4U);
    EXPECT_EQ(longest(R"({"input":[1,2,3]})"), 3U) << "tokens of one";
    EXPECT_EQ(longest(R"({"input":[[1],[1,2],"a"]})"), 2U);
    EXPECT_EQ(longest(R"({})"), 0U);
}

}  // namespace sarai::llm::types_test
