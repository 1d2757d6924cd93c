#include "media/wav.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media_files.hpp"

namespace sarai::media::wav_test {
namespace {

using testing::HasSubstr;

TEST(Wav, SaysWhatItsSoundIs) {
    const auto header = read_wav_header(wav(22'050, 2, 11'025), "f");
    ASSERT_TRUE(header);
    EXPECT_EQ(header->channels, 2U);
    EXPECT_EQ(header->rate, 22'050U);
    EXPECT_EQ(header->bits, 16U);
    EXPECT_TRUE(header->pcm);
    EXPECT_DOUBLE_EQ(header->seconds, 0.5);
    EXPECT_FALSE(read_wav_header(wav(16'000, 1, 160, 32, 3), "f")->pcm);  // floating point
}

TEST(Wav, OfARecorderThatDidNotKnowItsLengthHasTheLengthThatIsThere) {
    for (const std::uint32_t size : {0U, 0xFFFFFFFFU, 0x7FFFFFFFU}) {
        auto bytes = wav(16'000, 1, 8'000);
        bytes.replace(40, 4, little_endian(size, 4));
        const auto header = read_wav_header(bytes, "f");
        ASSERT_TRUE(header);
        EXPECT_DOUBLE_EQ(header->seconds, 0.5);
    }
}

TEST(Wav, ThatWasCutOffAnywhereIsAnError) {
    const auto whole = wav(16'000, 1, 20);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto header = read_wav_header(whole.substr(0, size), "f");
        ASSERT_FALSE(header) << size;
        EXPECT_EQ(header.error().field, "f");
    }
}

TEST(Wav, WithAbsurdFiguresIsAnErrorThatTellsThem) {
    EXPECT_THAT(read_wav_header(wav(0, 1, 9), "f").error().message, HasSubstr("1000 to 384000"));
    EXPECT_THAT(read_wav_header(wav(16'000, 999, 9, 8), "f").error().message, HasSubstr("999 channels"));
    EXPECT_THAT(read_wav_header(wav(16'000, 1, 9, 0), "f").error().message, HasSubstr("bits"));
    EXPECT_THAT(read_wav_header(wav(16'000, 1, 0), "f").error().message, HasSubstr("no sound"));
}

}  // namespace
}  // namespace sarai::media::wav_test
