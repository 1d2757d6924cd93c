#include "cli/top_rates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sarai::cli::top_rates_test {
namespace {

using namespace std::chrono_literals;
using testing::DoubleEq;
using testing::ElementsAre;
using testing::Optional;

std::string metrics(int requests, int tokens, double first_token_sum, int first_tokens) {
    return "# HELP sarai_requests_total Finished requests.\n"
           "# TYPE sarai_requests_total counter\n"
           "sarai_requests_total{backend=\"gguf_native\",code=\"200\",model=\"lfm2\"} " +
           std::to_string(requests) + "\nsarai_tokens_total{model=\"lfm2\",type=\"prompt\"} 1000\n" +
           "sarai_tokens_total{model=\"lfm2\",type=\"completion\"} " + std::to_string(tokens) +
           "\nsarai_time_to_first_token_seconds_count{backend=\"gguf_native\",model=\"lfm2\"} " +
           std::to_string(first_tokens) +
           "\nsarai_time_to_first_token_seconds_sum{backend=\"gguf_native\",model=\"lfm2\"} " +
           std::to_string(first_token_sum) + "\n";
}

TopHistory::Time at(std::chrono::seconds seconds) { return TopHistory::Time{} + seconds; }

}  // namespace

TEST(Counts, SumOverLabelsAndPassOverWhatIsNone) {
    const auto counts = counts_of(
        "sarai_requests_total{code=\"200\",model=\"a\",backend=\"x\"} 2\n"
        "sarai_requests_total{model=\"a\",backend=\"x\",code=\"503\"} 1.5e1\n"
        "sarai_requests_total{model=\"quo\\\"ted\",backend=\"x\"} 1 1700000000\n"
        "sarai_requests_total{model=\"broken 7\n"
        "sarai_requests_total 4\n"
        "other_total{model=\"a\"} 9\n"
        "sarai_tokens_total{model=\"a\",type=\"completion\"} nonsense\n"
        "\n");
    EXPECT_DOUBLE_EQ(counts.requests, 22);
    EXPECT_DOUBLE_EQ(counts.backend_of.at({"a", "x"}).requests, 17);
    EXPECT_DOUBLE_EQ(counts.backend_of.at({"quo\"ted", "x"}).requests, 1);
    EXPECT_DOUBLE_EQ(counts.tokens, 0);
    EXPECT_DOUBLE_EQ(counts_of("").requests, 0);
}

TEST(TopHistory, HasRatesOfTwoSamples) {
    TopHistory history;
    history.add(at(0s), 100, counts_of(metrics(10, 500, 1, 10)));
    EXPECT_FALSE(history.of("lfm2", "gguf_native").tokens_per_second);
    EXPECT_THAT(history.of("lfm2", "gguf_native").first_token_seconds, Optional(DoubleEq(0.1)));
    history.add(at(2s), 200, counts_of(metrics(12, 600, 1.5, 12)));
    EXPECT_THAT(history.of("lfm2", "gguf_native").tokens_per_second, Optional(DoubleEq(50)));
    EXPECT_THAT(history.of("lfm2", "gguf_native").first_token_seconds, Optional(DoubleEq(0.25)));
    EXPECT_FALSE(history.of("lfm2", "ollama_http").tokens_per_second);
    EXPECT_FALSE(history.of("omni", "gguf_native").first_token_seconds);
    EXPECT_THAT(history.used(), ElementsAre(100, 200));
    EXPECT_THAT(history.requests(), ElementsAre(0, 1));
    EXPECT_THAT(history.tokens(), ElementsAre(0, 50));
}

TEST(TopHistory, ForgetsWhatLiesBeforeItsWindow) {
    TopHistory history;
    history.add(at(0s), 0, counts_of(metrics(1, 100, 1, 1)));
    for (int second = 1; second <= 11; ++second)
        history.add(at(std::chrono::seconds(second)), 0, counts_of(metrics(2, 200, 2, 2)));
    EXPECT_FALSE(history.of("lfm2", "gguf_native").tokens_per_second);
    EXPECT_THAT(history.of("lfm2", "gguf_native").first_token_seconds, Optional(DoubleEq(1)));  // still the last one
    for (int second = 12; second < 400; ++second)
        history.add(at(std::chrono::seconds(second)), second, counts_of(metrics(2, 200, 2, 2)));
    EXPECT_EQ(history.used().size(), TopHistory::most);
    EXPECT_EQ(history.used().back(), 399);
}

TEST(TopHistory, ServerThatWasStartedAgainCountsFromNothing) {
    TopHistory history;
    history.add(at(0s), 0, counts_of(metrics(50, 5000, 9, 50)));
    history.add(at(1s), 0, counts_of(metrics(2, 30, 1, 2)));
    EXPECT_THAT(history.requests(), ElementsAre(0, 2));
    EXPECT_THAT(history.of("lfm2", "gguf_native").tokens_per_second, Optional(DoubleEq(30)));
    EXPECT_THAT(history.of("lfm2", "gguf_native").first_token_seconds, Optional(DoubleEq(0.5)));
}

TEST(TopHistory, TwoSamplesAtOnceAreNoRate) {
    TopHistory history;
    history.add(at(0s), 0, counts_of(metrics(1, 1, 0, 0)));
    history.add(at(0s), 0, counts_of(metrics(9, 9, 0, 0)));
    EXPECT_THAT(history.requests(), ElementsAre(0, 0));
    EXPECT_FALSE(history.of("lfm2", "gguf_native").tokens_per_second);
}

}  // namespace sarai::cli::top_rates_test
