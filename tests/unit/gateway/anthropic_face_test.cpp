#include "gateway/anthropic_face.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::gateway::anthropic_face_test {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

json::object object(std::string_view text) { return json::parse(text).as_object(); }

}  // namespace

TEST(AnthropicFace, AnswersWithWhatComesAfterThePrefill) {
    const auto face = make_anthropic_face("m", "{");
    const auto reply = object(face->reply(object(R"({"id":"chatcmpl-1","choices":[{"message":{"content":"{}"}}]})")));
    EXPECT_EQ(reply.at("model"), "m");
    EXPECT_EQ(reply.at("content"), json::parse(R"([{"type":"text","text":"}"}])"));
}

TEST(AnthropicFace, StreamsEventsAndShowsWhatItWaitsFor) {
    const auto face = make_anthropic_face("m");
    EXPECT_EQ(face->stream_type(), "text/event-stream");
    std::string out;
    face->heartbeat("model 'm' is loading, 40 %", out);
    EXPECT_EQ(out, ": model 'm' is loading, 40 %\nevent: ping\ndata: {\"type\":\"ping\"}\n\n");
    out.clear();
    face->event(llm::StreamEvent::only_text(R"({"id":"chatcmpl-1","choices":[{"delta":{"content":"x"}}]})"), out);
    EXPECT_THAT(out, HasSubstr("event: message_start\n"));
    EXPECT_THAT(out, HasSubstr(R"({"type":"text_delta","text":"x"})"));
    out.clear();
    face->end(out);
    EXPECT_TRUE(out.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")) << out;
}

TEST(AnthropicFace, NamesTheRequestInAnErrorInMidStream) {
    const auto face = make_anthropic_face("m", "", "req-1");
    std::string out;
    face->stream_error({.code = Code::unavailable, .message = "gone"}, out);
    EXPECT_EQ(out,
              "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"gone\"},"
              "\"request_id\":\"req-1\"}\n\n");
}

}  // namespace sarai::gateway::anthropic_face_test
