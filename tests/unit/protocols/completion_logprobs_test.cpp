#include "protocols/completion_logprobs.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::protocols::completion_logprobs_test {
namespace {

namespace json = boost::json;

json::object converted(CompletionLogprobs& logprobs, std::string_view text) {
    auto reply = json::parse(text).as_object();
    logprobs.convert(reply);
    return reply;
}

TEST(CompletionLogprobs, HaveTheOlderFormAndOffsetsInCharacters) {
    CompletionLogprobs logprobs;
    const auto reply = converted(logprobs, R"({"choices":[{"index":0,"text":"ñu","logprobs":{"content":[
        {"token":"ñ","logprob":-0.5,"top_logprobs":[{"token":"ñ","logprob":-0.5},{"token":"n","logprob":-1}]},
        {"token":"u","logprob":-2,"top_logprobs":[]}]}}]})");
    EXPECT_EQ(reply.at("choices").at(0).at("logprobs"), json::parse(R"({"tokens":["ñ","u"],"token_logprobs":[-0.5,-2],
        "top_logprobs":[{"ñ":-0.5,"n":-1},{}],"text_offset":[0,1]})"));
    // A stream's next chunk goes on where the last one ended, each choice by itself.
    const auto next =
        converted(logprobs, R"({"choices":[{"index":0,"logprobs":{"content":[{"token":"x","logprob":-1}]}},
        {"index":1,"logprobs":{"content":[{"token":"y","logprob":-1}]}}]})");
    EXPECT_EQ(next.at("choices").at(0).at("logprobs").at("text_offset"), json::array{2});
    EXPECT_EQ(next.at("choices").at(1).at("logprobs").at("text_offset"), json::array{0});
}

TEST(CompletionLogprobs, LeaveWhatIsNoneOrHasTheFormAlready) {
    for (const auto* text : {R"({"choices":[{"logprobs":null}]})", R"({"choices":[{"logprobs":{"tokens":["a"]}}]})",
                             R"({"choices":[5,{"logprobs":5}]})", R"({"choices":5})", R"({})"}) {
        CompletionLogprobs logprobs;
        EXPECT_EQ(converted(logprobs, text), json::parse(text));
    }
}

}  // namespace
}  // namespace sarai::protocols::completion_logprobs_test
