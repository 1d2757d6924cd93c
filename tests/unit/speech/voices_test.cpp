#include "speech/voices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "speech/commands.hpp"

namespace sarai::speech::voices_test {
namespace {

using protocols::speech::Format;
using testing::HasSubstr;

TEST(Voices, SpeakTheLanguageOfTheText) {
    EXPECT_EQ(*find_voice("alloy", "es", "en-gb"), "es+f1");
    EXPECT_EQ(*find_voice("onyx", "en", "en-gb"), "en-gb+m7");
    EXPECT_EQ(*find_voice("onyx", "en", "es"), "en-us+m7");
    EXPECT_EQ(*find_voice("onyx", "es", "es-419"), "es-419+m7");
    EXPECT_EQ(*find_voice("nova", "other", "es"), "es+f3");
    EXPECT_EQ(*find_voice("", "es", "en-us"), "es");
    EXPECT_EQ(*find_voice("", "other", "en-us"), "en-us");
}

TEST(Voices, OfTheirOwnNameSpeakTheirLanguage) {
    for (const auto name : own_voices()) {
        EXPECT_TRUE(is_own_voice(name));
        EXPECT_EQ(*find_voice(name, "es", "en-us"), name);
    }
    EXPECT_FALSE(is_own_voice("alloy"));
}

TEST(Voices, ThatNobodyHasAreRefusedWithAllNames) {
    for (const auto* name : {"../../etc/passwd", "es+f1", "-v", "Alloy", "mb-es1"}) {
        const auto voice = find_voice(name, "es", "es");
        ASSERT_FALSE(voice) << name;
        EXPECT_EQ(voice.error().field, "voice");
        EXPECT_THAT(voice.error().message, HasSubstr("expected one of es, es-419, en-us, en-gb, alloy, ash"));
    }
}

TEST(SpeechCommands, ReachAnySpeed) {
    for (const double speed : {0.25, 0.5, 1.0, 1.7, 2.5, 4.0}) {
        const auto pace = pace_of(speed);
        EXPECT_GE(pace.words_per_minute, 80);
        EXPECT_LE(pace.words_per_minute, 450);
        EXPECT_GE(pace.tempo, 0.5);
        EXPECT_LE(pace.tempo, 2.0);
        EXPECT_NEAR(pace.words_per_minute * pace.tempo, 175 * speed, 1);
    }
    EXPECT_EQ(pace_of(1).words_per_minute, 175);
}

TEST(SpeechCommands, ReadAndWritePipesAlone) {
    EXPECT_THAT(espeak_arguments("es+f1", pace_of(1)),
                testing::ElementsAre("--stdin", "--stdout", "-b", "1", "-v", "es+f1", "-s", "175"));
    for (const auto format : {Format::mp3, Format::opus, Format::aac, Format::flac, Format::wav, Format::pcm}) {
        const auto all = encoder_arguments(format, pace_of(4));
        EXPECT_THAT(all, testing::IsSupersetOf({"-protocol_whitelist", "pipe", "pipe:0", "pipe:1", "-f", "s16le"}));
        EXPECT_THAT(all, testing::Contains(testing::StartsWith("atempo=1.55")));
        EXPECT_THAT(encoder_arguments(format, pace_of(1)), testing::Not(testing::Contains("-af")));
    }
}

}  // namespace
}  // namespace sarai::speech::voices_test
