#include "llm/transcript.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace sarai::llm::transcript_test {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

Request chat(std::string_view more = "") {
    const auto text = R"({"model":"m","messages":[{"role":"user","content":"Hello"}])" + std::string(more) + "}";
    return {.task = Task::chat, .model = "m", .stream = true, .body = json::parse(text).as_object()};
}
Request completion(std::string_view more = "") {
    const auto text = R"({"model":"m","prompt":"Once")" + std::string(more) + "}";
    return {.task = Task::completion, .model = "m", .stream = true, .body = json::parse(text).as_object()};
}
StreamEvent event(std::string_view text) { return StreamEvent(json::parse(text).as_object(), std::string(text)); }
StreamEvent role() {
    return event(
        R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null}}]})");
}
StreamEvent text(std::string_view said) {
    json::object delta{{"content", said}};
    json::object choice{{"index", 0}, {"delta", std::move(delta)}};
    return StreamEvent::only_text(json::serialize(json::object{{"id", "c1"}, {"choices", {std::move(choice)}}}));
}
std::string why_not(Transcript& transcript) {
    const auto partial = transcript.partial();
    return partial ? "it can" : partial.error().message;
}

}  // namespace

TEST(Transcript, KeepsTheTextInOrderHoweverItCame) {
    Transcript transcript(chat());
    transcript.add(role());
    transcript.add(text("The \"sea\"\n"));
    transcript.add(event(R"({"choices":[{"index":0,"delta":{"content":"är"}}]})"));
    transcript.add(text("!"));
    const auto partial = transcript.partial();
    ASSERT_TRUE(partial);
    EXPECT_EQ(partial->text, "The \"sea\"\när!");
    EXPECT_THAT(partial->pieces(), testing::ElementsAre("The \"sea\"\n", "är", "!"));
}

TEST(Transcript, GoesOnAfterASecondLoss) {
    Transcript transcript(chat());
    transcript.add(role());
    transcript.add(text("a"));
    EXPECT_EQ(transcript.partial()->text, "a");
    transcript.add(text("b"));
    EXPECT_EQ(transcript.partial()->text, "ab");
}

TEST(Transcript, SaysWhyARequestCannotBeContinued) {
    const std::pair<Request, const char*> cases[] = {
        {chat(R"(,"n":2)"), "several choices"},
        {chat(R"(,"tools":[{"type":"function","function":{"name":"f"}}])"), "tools were offered"},
        {chat(R"(,"response_format":{"type":"json_object"})"), "its form is constrained"},
        {chat(R"(,"grammar":"root ::= x")"), "its form is constrained"},
        {chat(R"(,"logprobs":true)"), "log probabilities"},
        {chat(R"(,"guided_choice":["a","b"])"), "its form is constrained"},
        {chat(R"(,"echo":true)"), "an echo"},
        {completion(R"(,"echo":true)"), "an echo"},
        {completion(R"(,"logprobs":1)"), "log probabilities"},
    };
    for (const auto& [request, expected] : cases) {
        Transcript transcript(request);
        transcript.add(text("a"));
        EXPECT_THAT(why_not(transcript), HasSubstr(expected));
    }
    auto picture = chat();
    picture.body["messages"] = json::parse(
        R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}])");
    Transcript transcript(picture);
    EXPECT_THAT(why_not(transcript), HasSubstr("not text alone"));
    auto tokens = completion();
    tokens.body["prompt"] = {1, 2};
    Transcript of_tokens(tokens);
    EXPECT_THAT(why_not(of_tokens), HasSubstr("not one text"));
}

TEST(Transcript, WhatAsksForNothingUnusualCanBeContinued) {
    for (const auto& request :
         {chat(R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none")"),
          chat(R"(,"tools":[])"), chat(R"(,"response_format":{"type":"text"},"n":1,"logprobs":false)"),
          chat(R"(,"response_format":null)"), completion()}) {
        Transcript transcript(request);
        transcript.add(text("a"));
        EXPECT_EQ(why_not(transcript), "it can");
    }
}

TEST(Transcript, SaysWhyAnAnswerCannotBeContinued) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]})", "reasoning or a tool call"},
        {R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]})", "reasoning or a tool call"},
        {R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})", "at its end"},
    };
    for (const auto& [chunk, expected] : cases) {
        Transcript transcript(chat());
        transcript.add(role());
        transcript.add(text("a"));
        transcript.add(event(chunk));
        EXPECT_THAT(why_not(transcript), HasSubstr(expected));
    }
    Transcript transcript(chat());
    for (int i = 0; i < 9; ++i) {
        if (i == 8) { EXPECT_EQ(why_not(transcript), "it can"); }
        transcript.add(text(std::string(1 << 20, 'a')));
    }
    EXPECT_THAT(why_not(transcript), HasSubstr("8 MiB"));
}

TEST(Transcript, WhoGoesOnLooksLikeWhoBegan) {
    Transcript transcript(chat());
    transcript.add(role());
    transcript.add(text("abc"));
    EXPECT_FALSE(transcript.continued(role(), 3)) << "the client has its role";
    const auto more = transcript.continued(
        event(
            R"({"id":"x9","object":"chat.completion.chunk","created":77,"model":"n","choices":[{"index":0,"delta":{"role":"assistant","content":"d"}}]})"),
        3);
    ASSERT_TRUE(more);
    EXPECT_EQ(json::parse(R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m",
                              "choices":[{"index":0,"delta":{"content":"d"}}]})"),
              json::value(more->chunk()));
}

TEST(Transcript, CountsAreThoseOfTheWholeAnswer) {
    Transcript transcript(chat());
    transcript.add(role());
    const auto last =
        transcript.continued(event(R"({"choices":[],"usage":{"prompt_tokens":42,"completion_tokens":5,"total_tokens":47,
                  "prompt_tokens_details":{"cached_tokens":41}}})"),
                             3);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->chunk().at("usage"), json::parse(R"({"prompt_tokens":39,"completion_tokens":8,"total_tokens":47,
                                                        "prompt_tokens_details":{"cached_tokens":39}})"));
    const auto timed = transcript.continued(
        event(
            R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"prompt_n":1,"cache_n":41,"predicted_n":5}})"),
        3);
    ASSERT_TRUE(timed);
    const auto usage = usage_of(timed->chunk());
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->prompt_tokens, 39);
    EXPECT_EQ(usage->completion_tokens, 8);
}

TEST(Transcript, AnAnswerThatHadAllItsTokensEndsAsIts) {
    Transcript transcript(chat());
    transcript.add(role());
    EXPECT_EQ(json::value(transcript.end_at_limit(7, 4).chunk()),
              json::parse(R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m",
                              "usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11},
                              "choices":[{"index":0,"delta":{},"finish_reason":"length"}]})"));
}

TEST(WithPrefill, AChatGetsTheAnswerAsItsLastMessageAndFewerTokens) {
    const auto rest = with_prefill(chat(R"(,"max_completion_tokens":10)"), {.text = "The sea", .ends = {}}, 3);
    EXPECT_EQ(json::value(rest.body), json::parse(R"({"model":"m","max_tokens":7,"messages":[
        {"role":"user","content":"Hello"},{"role":"assistant","content":"The sea"}]})"));
    EXPECT_EQ(with_prefill(chat(R"(,"max_tokens":3)"), {.text = "x", .ends = {}}, 3).body.at("max_tokens"), 1);
    EXPECT_FALSE(with_prefill(chat(), {.text = "x"}, 3).body.contains("max_tokens"));
}

TEST(Transcript, AClientMayForbidIt) {
    auto request = chat();
    request.may_fail_over = false;
    Transcript transcript(request);
    transcript.add(text("a"));
    EXPECT_THAT(why_not(transcript), HasSubstr("the client allows nobody"));
}

TEST(WithPrefill, WhatTheClientBeganItselfIsGoneOnWith) {
    auto begun = chat();
    begun.body["messages"].as_array().push_back({{"role", "assistant"}, {"content", "Once "}});
    const auto rest = with_prefill(begun, {.text = "upon"}, 1);
    EXPECT_EQ(rest.body.at("messages").as_array().size(), 2U);
    EXPECT_EQ(rest.body.at("messages").as_array().back().at("content"), "Once upon");
    begun.body["messages"].as_array().back().as_object()["content"] =
        json::parse(R"([{"type":"text","text":"Once "}])");
    const auto parts = with_prefill(begun, {.text = "upon"}, 1);
    EXPECT_EQ(parts.body.at("messages").as_array().back().at("content").as_array().size(), 2U);
    EXPECT_EQ(with_prefill(completion(), {.text = " upon"}, 1).body.at("prompt"), "Once upon");
}

TEST(TokenLimit, IsTheLowestUnderWhateverName) {
    EXPECT_EQ(token_limit(chat(R"(,"n_predict":9,"options":{"num_predict":8})")), 8);
    auto body = chat(R"(,"n_predict":9,"options":{"num_predict":8,"seed":1})").body;
    set_token_limit(body, 5);
    EXPECT_EQ(body.at("max_tokens"), 5);
    EXPECT_FALSE(body.contains("n_predict"));
    EXPECT_FALSE(body.at("options").as_object().contains("num_predict"));
    EXPECT_EQ(token_limit(chat()), std::nullopt);
    EXPECT_EQ(token_limit(chat(R"(,"max_tokens":-1)")), std::nullopt);
    EXPECT_EQ(token_limit(chat(R"(,"max_tokens":9,"max_completion_tokens":7)")), 7);
}

}  // namespace sarai::llm::transcript_test
