#include "media/ffmpeg.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/normalizer.hpp"

namespace sarai::media::ffmpeg_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(Ffmpeg, IsToldTheFormatAndMayOpenFilesAlone) {
    for (const auto& arguments :
         {probe_arguments(Kind::mp4, "/x/in"), picture_arguments(Kind::mp4, "/x/in", "/x/out", {}),
          sound_arguments(Kind::mp4, "/x/in", "/x/out", 9s), frame_arguments(Kind::mp4, "/x/in", "/x", {1, 1}, {}),
          length_arguments(Kind::mp4, "/x/in")}) {
        const auto format = std::ranges::find(arguments, "-f");
        ASSERT_NE(format, arguments.end());
        EXPECT_EQ(*std::next(format), "mov");
        const auto protocols = std::ranges::find(arguments, "-protocol_whitelist");
        ASSERT_NE(protocols, arguments.end());
        EXPECT_EQ(*std::next(protocols), "file");
        EXPECT_LT(format, std::ranges::find(arguments, "file:/x/in"));
        EXPECT_THAT(arguments, Contains("-enable_drefs"));
    }
    for (const auto kind : {Kind::unknown, Kind::svg, Kind::pdf, Kind::text}) EXPECT_FALSE(is_convertible(kind));
}

TEST(Ffmpeg, LooksAtAFilmSoOftenThatItsWholeLengthIsSeen) {
    const auto rate = [](double seconds, int most, double per_second) {
        const auto got = frame_rate(seconds, most, per_second);
        return std::pair(got.frames, got.step);
    };
    EXPECT_EQ(rate(4, 32, 2), std::pair(8, 0.5));
    EXPECT_EQ(rate(320, 32, 2), std::pair(32, 10.0));
    EXPECT_EQ(rate(0.1, 32, 2), std::pair(1, 0.5));
    EXPECT_EQ(rate(0, 32, 2), std::pair(32, 0.5));  // nobody knows how long it is
    EXPECT_EQ(rate(10, 0, 0), std::pair(1, 1.0));
    EXPECT_EQ(frames_within(32, {.token_budget = 1000, .tokens_per_frame = 100}), 10);
    EXPECT_EQ(frames_within(32, {.token_budget = 10, .tokens_per_frame = 100}), 1);
    EXPECT_EQ(frames_within(32, {}), 32);
}

TEST(Ffmpeg, SaysWhatAFileHas) {
    const auto probe = parse_probe(R"({"streams": [
        {"codec_type": "video", "width": 500, "height": 500, "disposition": {"attached_pic": 1}},
        {"codec_type": "audio", "duration": "3.5"}], "format": {}})");
    ASSERT_TRUE(probe);
    EXPECT_FALSE(probe->video);  // a record's cover
    EXPECT_TRUE(probe->audio);
    EXPECT_DOUBLE_EQ(probe->seconds, 3.5);
    for (const auto* text : {"", "{", "[]", "{}", R"({"streams": []})", R"({"streams": [3]})"})
        EXPECT_EQ(parse_probe(text).error().code, Code::invalid_argument) << text;
    EXPECT_DOUBLE_EQ(parse_length("out_time_us=1000000\nx=1\nout_time_us=2500000\nprogress=end\n"), 2.5);
    EXPECT_DOUBLE_EQ(parse_length("out_time_us=N/A\n"), 0);
}

TEST(Ffmpeg, WritesTimesAsPeopleDo) {
    EXPECT_EQ(timestamp(0ms), "0:00.0");
    EXPECT_EQ(timestamp(65'540ms), "1:05.5");
    EXPECT_EQ(timestamp(3'725'000ms), "1:02:05.0");
}

TEST(Ffmpeg, ComplainsWithoutOurPathsAndAddresses) {
    EXPECT_EQ(complaint("[mov @ 0x55d0c8a3] moov atom not found\nfile:/tmp/x/in: Invalid data", "/tmp/x"),
              "[mov] moov atom not found in: Invalid data");
}

}  // namespace
}  // namespace sarai::media::ffmpeg_test
