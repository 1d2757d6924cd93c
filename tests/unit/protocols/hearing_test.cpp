#include "protocols/hearing.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "llm/types.hpp"
#include "protocols/base64.hpp"
#include "protocols/openai.hpp"

namespace sarai::protocols::hearing::hearing_test {
namespace {

using testing::HasSubstr;

// The chunks of a stream, without its end.
std::vector<boost::json::object> chunks_of(std::string_view stream) {
    std::vector<boost::json::object> chunks;
    while (stream.starts_with("data: {")) {
        const auto end = stream.find("\n\n");
        chunks.push_back(boost::json::parse(stream.substr(6, end - 6)).as_object());
        stream.remove_prefix(end + 2);
    }
    EXPECT_TRUE(stream.empty() || stream == "data: [DONE]\n\n") << stream;
    return chunks;
}

TEST(Hearing, AWishIsReadAsItWasWritten) {
    const Wish wish{.sound = std::string("\0\x7f\xff\x80", 4),
                    .language = "es",
                    .prompt = "Nápoles \"1\"",
                    .translate = true,
                    .words = true,
                    .temperature = 0.5};
    const auto read = decode_wish(boost::json::serialize(encode_wish(wish)));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->sound, wish.sound);
    EXPECT_EQ(read->language, wish.language);
    EXPECT_EQ(read->prompt, wish.prompt);
    EXPECT_EQ(read->translate, wish.translate);
    EXPECT_EQ(read->words, wish.words);
    EXPECT_EQ(read->temperature, wish.temperature);
}

TEST(Hearing, WhatIsNoSoundIsRefused) {
    for (const auto& sound : {std::string(), std::string("abc"), std::string(2 * 16000 * 120 + 2, 'x')}) {
        const auto read =
            decode_wish(boost::json::serialize(encode_wish({.sound = sound, .language = {}, .prompt = {}})));
        ASSERT_FALSE(read) << sound.size();
        EXPECT_EQ(read.error().field, "sound");
        EXPECT_THAT(read.error().message, HasSubstr("expected 16-bit samples, at most 120 s"));
    }
    EXPECT_THAT(decode_wish(R"({"sound": "&"})").error().message, HasSubstr("'sound'"));
    EXPECT_FALSE(decode_wish("{"));
    EXPECT_FALSE(decode_wish("[]"));
}

TEST(Hearing, SegmentsComeAsChunksWithTheirText) {
    const Segment told{
        .begin = 0.5,
        .end = 2.25,
        .text = "Hola, mundo.",
        .avg_logprob = -0.25,
        .no_speech_prob = 0.125,
        .words = {{.begin = 0.5, .end = 1, .text = "Hola,"}, {.begin = 1, .end = 2.25, .text = "mundo."}}};
    std::string out;
    append_segment(out, told);
    append_segment(out, {.begin = 3, .end = 4, .text = "Adiós."});
    append_end(out, {.language = "es", .positions = 200, .tokens = 12});
    const auto chunks = chunks_of(out);
    ASSERT_EQ(chunks.size(), 3U);
    EXPECT_EQ(chunks[0].at("choices").at(0).at("delta").at("content"), "Hola, mundo.");
    EXPECT_EQ(segment_of(chunks[0]), told);
    EXPECT_EQ(segment_of(chunks[1]), (Segment{.begin = 3, .end = 4, .text = "Adiós."}));
    EXPECT_EQ(segment_of(chunks[2]), std::nullopt);
    EXPECT_EQ(chunks[2].at("choices").at(0).at("finish_reason"), "stop");
    EXPECT_EQ(chunks[2].at("usage").at("completion_tokens"), 12);
    EXPECT_EQ(language_of(chunks[2]), "es");
    EXPECT_EQ(language_of(chunks[0]), "");
}

TEST(Hearing, ASignOfLifeIsAnEventThatSaysNothing) {
    std::string out;
    append_alive(out);
    append_segment(out, {.begin = 0, .end = 1, .text = "Sí."});
    const auto chunks = chunks_of(out);
    ASSERT_EQ(chunks.size(), 2U);
    openai::StreamDecoder decoder("ear");
    const auto event = decoder.event("", boost::json::serialize(chunks[0]));
    ASSERT_TRUE(event && *event) << "budgets count from event to event";
    EXPECT_FALSE(llm::has_output(**event));
    EXPECT_EQ(llm::finish_reason_of(**event), "");
    EXPECT_EQ(segment_of((*event)->chunk()), std::nullopt);
    EXPECT_EQ(language_of((*event)->chunk()), "");
}

}  // namespace
}  // namespace sarai::protocols::hearing::hearing_test
