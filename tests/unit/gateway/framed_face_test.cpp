#include "gateway/framed_face.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::gateway::framed_face_test {
namespace {

namespace json = boost::json;

// Writes down what it is given: texts, and "|" at the end of an answer.
class Scribe final : public Face {
public:
    [[nodiscard]] std::string reply(const json::object& reply) override {
        return std::string(reply.at("choices").at(0).at("message").at("content").as_string());
    }
    [[nodiscard]] std::string_view stream_type() const override { return "text/plain"; }
    void event(const llm::StreamEvent& event, std::string& out) override {
        out += llm::text_of(event);
        if (!llm::finish_reason_of(event).empty()) out += "|";
    }
    void end(std::string& out) override { out += "."; }
    void heartbeat(std::string_view /*what*/, std::string& out) override { out += "~"; }
    void stream_error(const Error& /*error*/, std::string& out) override { out += "!"; }
};

llm::StreamEvent chunk(std::string_view delta, std::string_view finish = "null") {
    return llm::StreamEvent(json::parse(R"({"choices": [{"index": 0, "delta": )" + std::string(delta) +
                                        R"(, "finish_reason": )" + std::string(finish) + "}]}")
                                .as_object());
}

struct Framed : testing::Test {
    Scribe scribe;
    FramedFace face{scribe, {.preface = "<", .closing = ">"}, {.id = "1", .model = "p"}};
    std::string out;
};

}  // namespace

TEST_F(Framed, APrefaceComesBeforeTheFirstTextAndAClosingBeforeTheEnd) {
    face.event(chunk(R"({"role": "assistant"})"), out);
    EXPECT_EQ(out, "") << "a role is no text";
    face.event(chunk(R"({"content": "a"})"), out);
    face.event(chunk(R"({"content": "b"})"), out);
    face.event(chunk("{}", "\"stop\""), out);
    face.end(out);
    EXPECT_EQ(out, "<ab>|.");
}

TEST_F(Framed, TextThatComesWithTheEndStaysBeforeTheClosing) {
    face.event(chunk(R"({"content": "a"})", "\"length\""), out);
    face.end(out);
    EXPECT_EQ(out, "<a>|.");
}

TEST_F(Framed, AnEmptyAnswerHasBoth) {
    face.event(chunk("{}", "\"stop\""), out);
    face.end(out);
    EXPECT_EQ(out, "<>|.");
}

TEST_F(Framed, WhatBreaksOffHasNoClosing) {
    face.event(chunk(R"({"content": "a"})"), out);
    face.stream_error({}, out);
    EXPECT_EQ(out, "<a!");
}

TEST_F(Framed, AWholeAnswerIsFramedAsWell) {
    EXPECT_EQ(face.reply(json::parse(R"({"choices": [{"message": {"content": "a"}}]})").as_object()), "<a>");
    EXPECT_EQ(face.reply(json::parse(R"({"choices": [{"message": {"content": null}}]})").as_object()), "<>");
}

}  // namespace sarai::gateway::framed_face_test
