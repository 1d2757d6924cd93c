#include "protocols/rerank.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recordings.hpp"

namespace sarai::protocols::rerank::rerank_test {
namespace {

using protocols::test::object;
namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

llm::Request request(std::string_view documents, std::string_view more = "") {
    const auto body = fmt::format(R"({{"model":"m","query":"q?","documents":{}{}}})", documents, more);
    auto decoded = decode_request(body);
    if (!decoded) ADD_FAILURE() << body << ": " << decoded.error().message;
    return decoded.value_or(llm::Request{});
}

struct Refusal {
    std::string body;
    std::string field;
    std::string message;
};

}  // namespace

TEST(RerankRequest, TakesTextsAndObjectsWithTexts) {
    const auto asked = request(R"(["a",{"text":"bcd","id":7},""])", R"(,"return_documents":true,"truncate":"END")");
    EXPECT_EQ(asked.task, llm::Task::rerank);
    EXPECT_EQ(asked.model, "m");
    EXPECT_FALSE(asked.stream);
    EXPECT_EQ(asked.size, 5U) << "the query and the longest document";
    EXPECT_EQ(asked.body, object(R"({"model":"m","query":"q?","documents":["a","bcd",""],"return_documents":true,
                                     "truncate":"END","top_n":3})"));
}

TEST(RerankRequest, MeansAllByATopNBeyondTheDocuments) {
    EXPECT_EQ(request(R"(["a","b"])", R"(,"top_n":1)").body.at("top_n"), 1);
    EXPECT_EQ(request(R"(["a","b"])", R"(,"top_n":9007199254740992)").body.at("top_n"), 2);
    EXPECT_EQ(request(R"(["a","b"])", R"(,"top_n":null)").body.at("top_n"), 2);
}

TEST(RerankRequest, NamesTheFieldTheValueAndWhatWasExpected) {
    const std::vector<Refusal> refusals{
        {R"({"query":"q","documents":["a"]})", "model", "'model' is missing; expected the name of a model"},
        {R"({"model":"m","documents":["a"]})", "query", "'query' is missing; expected a text to rank the documents by"},
        {R"({"model":"m","query":5,"documents":["a"]})", "query", "'query' is 5"},
        {R"({"model":"m","query":"","documents":["a"]})", "query", "'query' is \"\""},
        {R"({"model":"m","query":"q"})", "documents", "'documents' is missing; expected an array of at least one text"},
        {R"({"model":"m","query":"q","documents":[]})", "documents", "'documents' is []"},
        {R"({"model":"m","query":"q","documents":"a"})", "documents", "'documents' is \"a\""},
        {R"({"model":"m","query":"q","documents":["a",5]})", "documents[1]", "'documents[1]' is 5; expected a text"},
        {R"({"model":"m","query":"q","documents":[{"image":"x"}]})", "documents[0]", "or an object with a text"},
        {R"({"model":"m","query":"q","documents":[{"text":null}]})", "documents[0]", "or an object with a text"},
        {R"({"model":"m","query":"q","documents":["a"],"top_n":0})", "top_n",
         "'top_n' is 0; expected an integer of at least 1"},
        {R"({"model":"m","query":"q","documents":["a"],"top_n":-1})", "top_n", "'top_n' is -1"},
        {R"({"model":"m","query":"q","documents":["a"],"top_n":1.5})", "top_n", "'top_n' is 1.5"},
        {R"({"model":"m","query":"q","documents":["a"],"return_documents":"yes"})", "return_documents",
         "true or false"},
    };
    for (const auto& [body, field, message] : refusals) {
        const auto refused = decode_request(body);
        ASSERT_FALSE(refused.has_value()) << body;
        EXPECT_EQ(refused.error().code, Code::invalid_argument) << body;
        EXPECT_EQ(refused.error().field, field) << body;
        EXPECT_THAT(refused.error().message, HasSubstr(message)) << body;
    }
}

TEST(RerankRequest, BoundsTheNumberOfDocuments) {
    const auto of = [](std::size_t count) {
        std::string list = "[";
        for (std::size_t i = 0; i < count; ++i) list += i == 0 ? "\"x\"" : ",\"x\"";
        return decode_request(R"({"model":"m","query":"q","documents":)" + list + "]}");
    };
    EXPECT_TRUE(of(most_documents).has_value());
    EXPECT_EQ(of(most_documents + 1).error().message, "'documents' has 2049 elements; expected at most 2048");
}

TEST(RerankParts, AreBoundedByNumberAndByText) {
    const auto asked = request(R"(["a","b","c","ddddddddd","e"])");  // 3, 3, 3, 11 and 3 bytes with the query
    constexpr std::size_t any = -1;
    EXPECT_THAT(parts_of(asked, any, any), ElementsAre(Part{0, 5}));
    EXPECT_THAT(parts_of(asked, 2, any), ElementsAre(Part{0, 2}, Part{2, 2}, Part{4, 1}));
    EXPECT_THAT(parts_of(asked, any, 6), ElementsAre(Part{0, 2}, Part{2, 1}, Part{3, 1}, Part{4, 1}));
    EXPECT_THAT(parts_of(asked, any, 14), ElementsAre(Part{0, 3}, Part{3, 2}));
}

TEST(RerankParts, AskForAllScoresAndKeepWhatIsUnknown) {
    const auto asked =
        request(R"(["a","b","c"])", R"(,"top_n":1,"return_documents":true,"stream":true,"truncate":"END")");
    EXPECT_EQ(object(encode_part(asked, "theirs", {1, 2})),
              object(R"({"model":"theirs","query":"q?","documents":["b","c"],"truncate":"END","top_n":2})"));
}

TEST(RerankReply, JoinsPartsAndSortsByScore) {
    auto asked = request(R"(["a","b","c"])", R"(,"return_documents":true)");
    asked.id = "r1";
    Ranking ranking;
    ASSERT_TRUE(ranking.add({0, 2}, object(R"({"results":[{"index":1,"relevance_score":0.5},
        {"index":0,"relevance_score":-3}],"usage":{"prompt_tokens":7,"total_tokens":7}})")));
    ASSERT_TRUE(ranking.add({2, 1}, object(R"({"results":[{"index":0,"relevance_score":2}],
        "usage":{"prompt_tokens":0,"total_tokens":4}})")));
    EXPECT_EQ(encode_reply(asked, ranking), object(R"({"object":"list","model":"m","id":"rerank-r1",
        "usage":{"prompt_tokens":11,"total_tokens":11},"results":[
        {"index":2,"relevance_score":2.0,"document":{"text":"c"}},
        {"index":1,"relevance_score":0.5,"document":{"text":"b"}},
        {"index":0,"relevance_score":-3.0,"document":{"text":"a"}}]})"));
}

TEST(RerankReply, KeepsTheOrderOfEqualsCutsAndTellsNoTokensThatNobodyCounted) {
    Ranking ranking;
    ASSERT_TRUE(ranking.add({0, 3}, object(R"({"results":[{"index":2,"relevance_score":1},
        {"index":1,"relevance_score":1},{"index":0,"relevance_score":0}]})")));
    EXPECT_EQ(encode_reply(request(R"(["a","b","c"])", R"(,"top_n":2)"), ranking),
              object(R"({"object":"list","model":"m","results":[{"index":1,"relevance_score":1.0},
                         {"index":2,"relevance_score":1.0}]})"));
}

TEST(RerankReply, RefusesAServersAnswerThatDoesNotScoreEachDocumentOnce) {
    for (const auto* results :
         {R"([])", R"([{"index":0,"relevance_score":1}])", R"([5,6])",
          R"([{"index":0,"relevance_score":1},{"index":0,"relevance_score":2}])",
          R"([{"index":0,"relevance_score":1},{"index":2,"relevance_score":2}])",
          R"([{"index":0,"relevance_score":1},{"index":-1,"relevance_score":2}])",
          R"([{"index":0,"relevance_score":1},{"index":1,"relevance_score":null}])",
          R"([{"index":0,"relevance_score":1},{"index":1,"relevance_score":"2"}])", "{}", "null"}) {
        Ranking ranking;
        const auto added = ranking.add({0, 2}, object(fmt::format(R"({{"results":{}}})", results)));
        ASSERT_FALSE(added.has_value()) << results;
        EXPECT_EQ(added.error().code, Code::upstream) << results;
        EXPECT_TRUE(ranking.scores().empty()) << results;
    }
}

}  // namespace sarai::protocols::rerank::rerank_test
