#include "media/windows.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "media/wav.hpp"

namespace sarai::media {
namespace {

constexpr int rate = 1000;

// A tone that is silent at some seconds, for a fifth of one.
std::string recording(double seconds, std::initializer_list<double> silent) {
    std::string samples;
    for (int i = 0; i < static_cast<int>(seconds * rate); ++i) {
        const double at = static_cast<double>(i) / rate;
        bool mute = false;
        for (const double pause : silent) mute = mute || std::abs(at - pause) < 0.1;
        const auto value = static_cast<std::uint16_t>(mute ? 0 : static_cast<std::int16_t>(10'000 * std::sin(i * 0.7)));
        samples += static_cast<char>(value & 0xFFU);
        samples += static_cast<char>(value >> 8U);
    }
    return samples;
}

TEST(Windows, AShortRecordingIsOne) {
    EXPECT_EQ(cut_at_quiet(recording(30, {}), rate), (std::vector<Window>{{.begin = 0, .end = 30'000}}));
    EXPECT_EQ(cut_at_quiet("", rate), std::vector<Window>{});
    EXPECT_EQ(cut_at_quiet(std::string("x"), rate), std::vector<Window>{}) << "half a sample is none";
}

TEST(Windows, ALongOneIsCutWhereItIsQuiet) {
    const auto windows = cut_at_quiet(recording(70, {10, 26.5, 29, 50.2}), rate);
    ASSERT_EQ(windows.size(), 3U);
    EXPECT_NEAR(static_cast<double>(windows[0].end), 29'000, 100) << "of two pauses the later one";
    EXPECT_NEAR(static_cast<double>(windows[1].end), 59'000, 6'100) << "no pause in reach: somewhere at the end";
    EXPECT_EQ(windows[2].end, 70'000U);
}

TEST(Windows, AreTheWholeRecordingAndNoneIsTooLong) {
    for (const double seconds : {0.001, 29.999, 30.001, 31.0, 61.3, 95.0})
        for (const bool silence : {false, true}) {
            const auto samples = silence ? std::string(static_cast<std::size_t>(seconds * rate) * 2, '\0')
                                         : recording(seconds, {27.0, 55.0});
            std::size_t at = 0;
            for (const auto& window : cut_at_quiet(samples, rate)) {
                EXPECT_EQ(window.begin, at);
                EXPECT_GT(window.end, window.begin);
                EXPECT_LE(window.end - window.begin, 30'000U);
                at = window.end;
            }
            EXPECT_EQ(at, samples.size() / 2) << seconds;
        }
}

TEST(Windows, AreWavFilesOfTheirOwn) {
    const auto samples = recording(2, {});
    const auto wav = wav_of(samples, rate);
    const auto header = read_wav_header(wav, "f");
    ASSERT_TRUE(header);
    EXPECT_EQ(header->rate, 1000U);
    EXPECT_EQ(header->channels, 1U);
    EXPECT_TRUE(header->pcm);
    EXPECT_DOUBLE_EQ(header->seconds, 2);
    EXPECT_EQ(wav.substr(header->data), samples);
}

}  // namespace
}  // namespace sarai::media
