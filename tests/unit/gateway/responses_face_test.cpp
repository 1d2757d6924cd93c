#include "gateway/responses_face.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace sarai::gateway::responses_face_test {
namespace {

namespace json = boost::json;
namespace responses = protocols::responses;
using testing::HasSubstr;
using testing::MatchesRegex;

const auto now = std::chrono::steady_clock::now();

responses::Decoded decoded(ResponseStore& store, std::string_view body) {
    auto result = responses::decode_request(body, response_born(), find_in(store));
    EXPECT_TRUE(result.has_value()) << result.error().message;
    return std::move(*result);
}

llm::StreamEvent chunk(std::string_view text) { return llm::StreamEvent(json::parse(text).as_object()); }

}  // namespace

TEST(ResponsesFace, KeepsAWholeAnswerForTheNextRequest) {
    ResponseStore store;
    auto first = decoded(store, R"({"model":"m","input":"hi"})");
    const auto id = first.context.id;
    const auto face = make_responses_face(std::move(first.context), store);
    const auto reply = face->reply(json::parse(R"({"choices":[{"message":{"content":"hello"}}]})").as_object());
    const auto kept = store.get(id, now);
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->response, reply);
    const auto next = decoded(store, R"({"model":"m","input":"and?","previous_response_id":")" + id + R"("})");
    EXPECT_EQ(next.request.body.at("messages"), json::parse(R"([{"role":"user","content":"hi"},
        {"role":"assistant","content":"hello"},{"role":"user","content":"and?"}])"));
}

TEST(ResponsesFace, KeepsAStreamedAnswerThatEndedAndNoOther) {
    ResponseStore store;
    for (const bool ends : {true, false}) {
        auto request = decoded(store, R"({"model":"m","input":"hi","stream":true})");
        const auto id = request.context.id;
        const auto face = make_responses_face(std::move(request.context), store);
        EXPECT_EQ(face->stream_type(), "text/event-stream");
        std::string out;
        face->heartbeat("loading", out);
        EXPECT_EQ(out, ": loading\n\n");
        face->event(chunk(R"({"choices":[{"delta":{"content":"hello"}}]})"), out);
        if (ends)
            face->end(out);
        else
            face->stream_error({.code = Code::timeout, .message = "too late"}, out);
        EXPECT_THAT(out, HasSubstr(ends ? "event: response.completed\n" : "event: response.failed\n"));
        const auto kept = store.get(id, now);
        ASSERT_EQ(kept != nullptr, ends);
        if (ends) { EXPECT_THAT(out, HasSubstr(kept->response)); }
    }
}

TEST(ResponsesFace, KeepsNothingWhereTheRequestSaysSo) {
    ResponseStore store;
    const auto face = make_responses_face(decoded(store, R"({"model":"m","input":"hi","store":false})").context, store);
    (void)face->reply({});
    EXPECT_EQ(store.count(), 0U);
}

TEST(ResponsesFace, GivesIdsThatNobodyCanGuess) {
    const auto one = response_born();
    EXPECT_THAT(one.id, MatchesRegex("resp_[0-9a-f]{32}"));
    EXPECT_NE(one.id, response_born().id);
    EXPECT_GT(one.created_at, 1'700'000'000);
}

}  // namespace sarai::gateway::responses_face_test
