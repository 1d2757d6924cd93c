#include "protocols/speech.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recordings.hpp"

namespace sarai::protocols::speech::speech_test {
namespace {

using testing::HasSubstr;

Result<Call> decode(std::string_view body) { return decode_call(body, 20); }

TEST(Speech, ACallHasWhatItsBodySays) {
    const auto call = decode(R"({"model": "gpt-4o-mini-tts", "input": "Hola, niño", "voice": {"id": "es"}, "speed": 2,
                                 "response_format": "opus", "stream_format": "sse", "instructions": "gently"})");
    ASSERT_TRUE(call) << call.error().message;
    EXPECT_EQ(call->input, "Hola, niño");
    EXPECT_EQ(call->voice, "es");
    EXPECT_EQ(call->format, Format::opus);
    EXPECT_DOUBLE_EQ(call->speed, 2);
    EXPECT_TRUE(call->events);
    const auto plain = decode(R"({"model": "espeak-ng", "input": "ññññññññññññññññññññ", "voice": "alloy"})");
    ASSERT_TRUE(plain) << "twenty characters are not forty";
    EXPECT_EQ(plain->voice, "alloy");
    EXPECT_EQ(plain->format, Format::mp3);
    EXPECT_FALSE(plain->events);
}

TEST(Speech, WhatIsWrongIsNamed) {
    struct Case {
        std::string body, field, message;
    };
    for (const auto& [body, field, message] : {
             Case{R"({"input": "x"})", "model", "expected \"espeak-ng\""},
             Case{R"({"model": "solar", "input": "x"})", "model", "model 'solar' does not speak; expected espeak-ng"},
             Case{R"({"model": "tts-1"})", "input", "expected a text to be said"},
             Case{R"({"model": "tts-1", "input": " \n"})", "input", "expected a text to be said"},
             Case{R"({"model": "tts-1", "input": 5})", "input", "'input' is 5; expected a string"},
             Case{R"({"model": "tts-1", "input": "123456789012345678901"})", "input",
                  "has 21 characters; expected at most 20"},
             Case{R"({"model": "tts-1", "input": "x", "voice": 5})", "voice", "expected the name of a voice"},
             Case{R"({"model": "tts-1", "input": "x", "voice": {"name": "es"}})", "voice", "an object with its id"},
             Case{R"({"model": "tts-1", "input": "x", "response_format": "midi"})", "response_format",
                  "mp3, opus, aac, flac, wav or pcm"},
             Case{R"({"model": "tts-1", "input": "x", "speed": 5})", "speed",
                  "'speed' is 5; expected a number from 0.25 to 4"},
             Case{R"({"model": "tts-1", "input": "x", "stream_format": "ws"})", "stream_format",
                  "expected audio or sse"},
         }) {
        const auto call = decode(body);
        ASSERT_FALSE(call) << body;
        EXPECT_EQ(call.error().field, field) << body;
        EXPECT_THAT(call.error().message, HasSubstr(message));
    }
}

TEST(Speech, IsStreamedAsOpenAiSpellsIt) {
    std::string out;
    append_delta(out, "RIFFx");
    EXPECT_EQ(out, "data: {\"type\":\"speech.audio.delta\",\"audio\":\"UklGRng=\"}\n\n");
    out.clear();
    append_done(out);
    EXPECT_THAT(out, testing::StartsWith("data: {\"type\":\"speech.audio.done\",\"usage\":{"));
}

}  // namespace
}  // namespace sarai::protocols::speech::speech_test
