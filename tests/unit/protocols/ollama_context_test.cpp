#include "protocols/ollama_context.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocols/ollama_server.hpp"

namespace sarai::protocols::ollama::ollama_context_test {
namespace {

namespace json = boost::json;

json::array conversation() {
    return json::parse(
               R"([{"role":"system","content":"Short."},{"role":"user","content":[{"type":"text","text":"héllo"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}])")
        .as_array();
}

TEST(OllamaContext, HoldsTheConversationWithoutItsPictures) {
    const auto context = encode_context(conversation(), "Hi!");
    for (const auto& number : context) EXPECT_TRUE(number.is_int64());
    const auto back = decode_context(json::parse(json::serialize(context)));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(json::value(*back),
              json::parse(R"([{"role":"system","content":"Short."},{"role":"user","content":"héllo"},
                                                  {"role":"assistant","content":"Hi!"}])"));
}

TEST(OllamaContext, OfAnotherServerIsRefused) {
    auto good = encode_context(conversation(), "Hi!");
    EXPECT_TRUE(decode_context(json::array{}));
    for (const auto* text : {"[259,262,262]", "\"x\"", "[494620139881]", "[494620139881,-1]", "[494620139881,9,1]",
                             "[494620139881,3,-1]", "[494620139881,3,16777216]", "[494620139881,2,8257536]", "{}"})
        EXPECT_FALSE(decode_context(json::parse(text))) << text;
    good.pop_back();
    EXPECT_FALSE(decode_context(good));
}

TEST(OllamaContext, GoesInFrontOfTheNextPrompt) {
    const auto context = encode_context(conversation(), "Hi!");
    const auto decoded = decode_request(
        Call::generate, R"({"model":"m","prompt":"And now?","context":)" + json::serialize(context) + "}");
    ASSERT_TRUE(decoded) << decoded.error().message;
    const auto& messages = decoded->request.body.at("messages").as_array();
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(messages[2].at("role").as_string(), "assistant");
    EXPECT_EQ(messages[3].at("content").as_string(), "And now?");
    EXPECT_EQ(decode_request(Call::generate, R"({"model":"m","prompt":"x","context":[1,2]})").error().field, "context");
}

TEST(OllamaContext, IsInTheLastLineOfAStreamAndInAWholeReply) {
    LineEncoder lines(Call::generate, "m", conversation());
    std::string out;
    lines.chunk(json::parse(R"({"choices":[{"delta":{"content":"H"}}]})").as_object(), {}, out);
    lines.chunk(json::parse(R"({"choices":[{"delta":{"content":"i!"}}]})").as_object(), {}, out);
    EXPECT_FALSE(out.contains("context"));
    out.clear();
    lines.finish({}, {}, out);
    EXPECT_EQ(json::parse(out).at("context"), json::value(encode_context(conversation(), "Hi!")));
    const auto reply =
        encode_reply(Call::generate, "m", json::parse(R"({"choices":[{"message":{"content":"Hi!"}}]})").as_object(), {},
                     {}, conversation());
    EXPECT_EQ(reply.at("context"), json::value(encode_context(conversation(), "Hi!")));
}

}  // namespace
}  // namespace sarai::protocols::ollama::ollama_context_test
