#include "media/parts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocols/anthropic.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"

namespace sarai::media::parts_test {
namespace {

using testing::HasSubstr;

json::object with_content(std::string_view content) {
    return json::parse(R"({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": )" +
                       std::string(content) + "}]}")
        .get_object();
}

TEST(MediaParts, AreFoundInEveryFormWithTheirFields) {
    const auto body = with_content(R"([
        {"type": "text", "text": "hola"},
        {"type": "image_url", "image_url": {"url": "data:,a"}},
        {"type": "image_url", "image_url": "data:,b"},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
        {"type": "video_url", "video_url": {"url": "http://h/v.mp4"}},
        {"type": "input_video", "input_video": {"data": "QQ=="}},
        {"type": "file", "file": {"file_data": "data:,c", "filename": "c.txt"}}])");
    EXPECT_TRUE(has_media(body));
    const auto parts = find_media(body);
    ASSERT_TRUE(parts);
    ASSERT_EQ(parts->size(), 6U);
    EXPECT_EQ((*parts)[0].field, "messages[1].content[1].image_url.url");
    EXPECT_EQ((*parts)[1].field, "messages[1].content[2].image_url");
    EXPECT_EQ((*parts)[1].data, "data:,b");
    EXPECT_EQ((*parts)[2].field, "messages[1].content[3].input_audio.data");
    EXPECT_EQ((*parts)[2].label, "mp3");
    EXPECT_EQ((*parts)[3].expected, Family::video);
    EXPECT_EQ((*parts)[4].expected, Family::video);
    EXPECT_EQ((*parts)[5].name, "c.txt");
    EXPECT_EQ((*parts)[5].index, 6U);
}

TEST(MediaParts, OfATextAreNone) {
    EXPECT_FALSE(has_media(with_content(R"("hola")")));
    EXPECT_FALSE(has_media(with_content(R"([{"type": "text", "text": "data:image/png;base64,AA=="}])")));
    EXPECT_FALSE(has_media(json::object{}));
    EXPECT_FALSE(has_media(json::parse(R"({"messages": [1, {"content": [2, {"type": 3}]}]})").get_object()));
}

TEST(MediaParts, WithoutDataAreErrorsWithTheField) {
    const auto empty = find_media(with_content(R"([{"type": "input_audio", "input_audio": {"format": "wav"}}])"));
    ASSERT_FALSE(empty);
    EXPECT_EQ(empty.error().field, "messages[1].content[0].input_audio.data");
    const auto stored = find_media(with_content(R"([{"type": "file", "file": {"file_id": "file-1"}}])"));
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, Code::unsupported);
    EXPECT_EQ(stored.error().field, "messages[1].content[0].file.file_id");
    const auto number = find_media(with_content(R"([{"type": "image_url", "image_url": {"url": 7}}])"));
    ASSERT_FALSE(number);
    EXPECT_THAT(number.error().message, HasSubstr("'messages[1].content[0].image_url.url' is 7"));
}

// So that one normalizer serves all three protocols.
TEST(MediaParts, OfEveryProtocolArriveInTheSameForm) {
    const auto openai = protocols::openai::decode_request(llm::Task::chat, R"({"model": "m", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "t"},
                                     {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}]}]})");
    const auto ollama = protocols::ollama::decode_request(protocols::ollama::Call::chat, R"({"model": "m", "messages": [
        {"role": "user", "content": "t", "images": ["iVBORw0="]}]})");
    const auto generate = protocols::ollama::decode_request(protocols::ollama::Call::generate,
                                                            R"({"model": "m", "prompt": "t", "images": ["iVBORw0="]})");
    const auto anthropic = protocols::anthropic::decode_request(R"({"model": "m", "max_tokens": 5, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "t"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}}]}]})");
    ASSERT_TRUE(openai && ollama && generate && anthropic);
    for (const auto* body : {&openai->body, &ollama->request.body, &generate->request.body, &anthropic->body}) {
        const auto parts = find_media(*body);
        ASSERT_TRUE(parts);
        ASSERT_EQ(parts->size(), 1U) << json::serialize(*body);
        EXPECT_EQ(parts->front().field, "messages[0].content[1].image_url.url");
        EXPECT_EQ(parts->front().data, "data:image/png;base64,iVBORw0=");
    }
}

}  // namespace
}  // namespace sarai::media::parts_test
