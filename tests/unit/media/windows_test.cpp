#include "media/windows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "media/wav.hpp"

namespace sarai::media::windows_test {
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

struct Window {
    std::size_t begin = 0, end = 0;
};

// As a recording is read: each time as much as a window may have.
std::vector<Window> windows_of(std::string_view samples) {
    constexpr std::size_t most = 30 * rate;
    const auto all = samples.size() / 2;
    std::vector<Window> windows;
    for (std::size_t at = 0; at < all;) {
        const auto count = std::min(most, all - at);
        const auto taken = cut_at_quiet(samples.substr(2 * at, 2 * count), at + count < all, rate);
        windows.push_back({.begin = at, .end = at + taken});
        if (taken == 0) break;
        at += taken;
    }
    return windows;
}

TEST(Windows, AShortRecordingIsOne) {
    EXPECT_EQ(cut_at_quiet(recording(30, {}), false, rate), 30'000U);
    EXPECT_EQ(cut_at_quiet("", false, rate), 0U);
    EXPECT_EQ(cut_at_quiet("x", false, rate), 0U) << "half a sample is none";
}

TEST(Windows, ALongOneIsCutWhereItIsQuiet) {
    const auto windows = windows_of(recording(70, {10, 26.5, 29, 50.2}));
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
            for (const auto& window : windows_of(samples)) {
                EXPECT_EQ(window.begin, at);
                EXPECT_GT(window.end, window.begin);
                EXPECT_LE(window.end - window.begin, 30'000U);
                at = window.end;
            }
            EXPECT_EQ(at, samples.size() / 2) << seconds;
        }
}

TEST(Windows, AreSilentWhereNobodyCanBeSpeaking) {
    EXPECT_TRUE(is_silent(std::string(60'000, '\0'), rate));
    EXPECT_TRUE(is_silent("", rate));
    std::string hiss;
    for (int i = 0; i < 30'000; ++i) hiss += i % 2 == 0 ? std::string{20, 0} : std::string{-20, -1};
    EXPECT_TRUE(is_silent(hiss, rate));
    auto word = std::string(60'000, '\0');
    word.replace(40'000, 400, recording(0.2, {}));
    EXPECT_FALSE(is_silent(word, rate)) << "a fifth of a second in half a minute";
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
}  // namespace sarai::media::windows_test
