#include "media/image_header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "media_files.hpp"

namespace sarai::media::image_header_test {
namespace {

using testing::HasSubstr;
using namespace std::string_view_literals;

constexpr std::int64_t most = 1'000'000;

Result<ImageHeader> read(std::string_view bytes) { return read_image_header(sniff(bytes), bytes, most, "f"); }

std::string webp(std::string_view chunk, std::string_view rest) {
    auto body = "WEBP" + std::string(chunk) + little_endian(20, 4) + std::string(rest);
    body.resize(40, '\0');
    return "RIFF" + little_endian(static_cast<std::uint32_t>(body.size()), 4) + body;
}

// EXIF with one entry: the orientation.
std::string exif(char orientation) {
    const std::string body = std::string("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"sv) + orientation +
                             std::string("\0\0\0\0\0\0\0"sv);
    return "\xFF\xE1" + big_endian(static_cast<std::uint32_t>(body.size() + 2)).substr(2) + body;
}

TEST(ImageHeader, TellsTheSizeOfEachFormat) {
    for (const auto& bytes :
         {png(300, 200), jpeg_markers(300, 200), gif(300, 200), bmp(300, 200),
          webp("VP8X", "\0\0\0\0\x2B\x01\0\xC7\0\0"sv), webp("VP8 ", "\x30\x01\0\x9D\x01\x2A\x2C\x01\xC8\0"sv),
          webp("VP8L", "\x2F\x2B\xC1\x31\0\0"sv)}) {
        const auto header = read(bytes);
        ASSERT_TRUE(header) << header.error().message;
        EXPECT_EQ(header->width, 300U) << name_of(sniff(bytes));
        EXPECT_EQ(header->height, 200U) << name_of(sniff(bytes));
    }
}

TEST(ImageHeader, OfMoreThanTheAllowedPixelsIsRefusedWithItsSize) {
    for (const auto& bytes : {png_with(100'000, 100'000, stored("")), jpeg_markers(60'000, 60'000), gif(65'535, 65'535),
                              webp("VP8X", "\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF"sv)}) {
        const auto header = read(bytes);
        ASSERT_FALSE(header);
        EXPECT_EQ(header.error().code, Code::too_large);
        EXPECT_EQ(header.error().field, "f");
        EXPECT_THAT(header.error().message, HasSubstr(" pixels; expected at most 1000000"));
    }
    EXPECT_EQ(read(png_with(0, 7, stored(""))).error().code, Code::invalid_argument);
    EXPECT_THAT(read(jpeg_markers(0, 7)).error().message, HasSubstr("no picture"));
}

TEST(ImageHeader, OfAFileThatWasCutOffAnywhereIsAnError) {
    for (const auto& whole : {png(40, 30), jpeg_markers(40, 30)}) {
        const auto kind = sniff(whole);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const auto header = read_image_header(kind, whole.substr(0, size), most, "f");
            ASSERT_FALSE(header) << name_of(kind) << " of " << size << " bytes of " << whole.size();
            EXPECT_EQ(header.error().code, Code::invalid_argument);
            EXPECT_THAT(header.error().message, HasSubstr("'f' is a"));
        }
    }
    // Those that are converted are read by the converter; here only that their headers are there.
    EXPECT_FALSE(read_image_header(Kind::gif, gif(4, 4).substr(0, 12), most, "f"));
    EXPECT_FALSE(read_image_header(Kind::bmp, bmp(4, 4).substr(0, 40), most, "f"));
    EXPECT_FALSE(read_image_header(Kind::webp, webp("VP8X", "").substr(0, 35), most, "f"));
}

TEST(ImageHeader, OfAPngThatUnpacksToMoreThanItsSizeIsABomb) {
    const auto bomb = read(png_with(1, 1, stored(std::string(1 << 20, '\0'))));
    ASSERT_FALSE(bomb);
    EXPECT_EQ(bomb.error().code, Code::invalid_argument);
    EXPECT_THAT(bomb.error().message, HasSubstr("unpack to more than its size needs"));
    EXPECT_THAT(read(png_with(100, 100, stored("abc"))).error().message, HasSubstr("less than its size needs"));
    EXPECT_THAT(read(png_with(2, 2, "\x78\x01\xFF\xFF\xFF")).error().message, HasSubstr("cannot be unpacked"));
}

TEST(ImageHeader, OfAJpegThatTheEngineReadsOnlyInPartSaysSo) {
    EXPECT_TRUE(read(jpeg_markers(9, 9))->engine_reads);
    EXPECT_TRUE(read(jpeg_markers(9, 9, '\xC2'))->engine_reads);       // progressive
    EXPECT_FALSE(read(jpeg_markers(9, 9, '\xC3'))->engine_reads);      // lossless
    EXPECT_FALSE(read(jpeg_markers(9, 9, '\xC9'))->engine_reads);      // arithmetic coding
    EXPECT_FALSE(read(jpeg_markers(9, 9, '\xC1', 12))->engine_reads);  // 12 bits
    EXPECT_TRUE(read(jpeg_markers(9, 9, '\xC0', 8, exif(1)))->engine_reads);
    EXPECT_FALSE(read(jpeg_markers(9, 9, '\xC0', 8, exif(6)))->engine_reads);  // a telephone held upright
}

TEST(ImageHeader, OfAJpegWithEndlessScansIsRefused) {
    auto bytes = jpeg_markers(9, 9, '\xC2');
    bytes.resize(bytes.size() - 2);
    for (int i = 0; i < 101; ++i) bytes += std::string("\xFF\xDA\x00\x02"sv);
    EXPECT_THAT(read(bytes + "\xFF\xD9").error().message, HasSubstr("scans"));
}

TEST(ImageHeader, OfDamagedBytesIsAnErrorOrAPlausibleSize) {
    std::mt19937 random(11);  // NOLINT(cert-msc51-cpp)
    for (const auto& whole : {png(12, 9), jpeg_markers(12, 9, '\xC0', 8, exif(3)), gif(12, 9), bmp(12, 9),
                              webp("VP8X", "\0\0\0\0\x2B\x01\0\xC7\0\0"sv)}) {
        const auto kind = sniff(whole);
        for (int i = 0; i < 500; ++i) {
            auto bytes = whole;
            for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] = static_cast<char>(random());
            const auto header = read_image_header(kind, bytes, most, "f");
            if (header)
                EXPECT_TRUE(header->pixels() > 0 && header->pixels() <= most);
            else
                EXPECT_FALSE(header.error().message.empty());
        }
    }
}

}  // namespace
}  // namespace sarai::media::image_header_test
