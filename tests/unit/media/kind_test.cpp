#include "media/kind.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "media_files.hpp"

namespace sarai::media::kind_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using namespace std::string_view_literals;

TEST(Kind, IsToldByTheFirstBytes) {
    struct Case {
        std::string bytes;
        Kind kind;
    };
    const auto ftyp = [](std::string_view brand) {
        return std::string("\0\0\0\x20"sv) + "ftyp" + std::string(brand) + std::string(20, '\0');
    };
    for (const auto& [bytes, kind] : {
             Case{png(1, 1), Kind::png},
             Case{jpeg_markers(1, 1), Kind::jpeg},
             Case{gif(1, 1), Kind::gif},
             Case{bmp(1, 1), Kind::bmp},
             Case{"RIFF....WEBPVP8 ", Kind::webp},
             Case{wav(16000, 1, 4), Kind::wav},
             Case{"RIFF....AVI LIST", Kind::avi},
             Case{std::string("II*\0\x08"sv), Kind::tiff},
             Case{std::string("MM\0*\x08"sv), Kind::tiff},
             Case{"ID3\x04....", Kind::mp3},
             Case{"\xFF\xFB\x90\x64", Kind::mp3},
             Case{"\xFF\xF1\x50\x80", Kind::aac},
             Case{"fLaC....", Kind::flac},
             Case{"OggS....", Kind::ogg},
             Case{"\x1A\x45\xDF\xA3....", Kind::webm},
             Case{ftyp("isom"), Kind::mp4},
             Case{ftyp("qt  "), Kind::mp4},
             Case{ftyp("M4A "), Kind::m4a},
             Case{ftyp("avif"), Kind::avif},
             Case{ftyp("heic"), Kind::heic},
             Case{"%PDF-1.7", Kind::pdf},
             Case{"<svg xmlns=''/>", Kind::svg},
             Case{"\xEF\xBB\xBF <?xml version='1.0'?>\n<svg/>", Kind::svg},
             Case{"hola, qué tal", Kind::text},
             Case{"BMW is a car, and this is a text", Kind::text},
             Case{"<html><svg/></html>", Kind::text},
             Case{"#EXTM3U\n", Kind::text},
             Case{"ffconcat version 1.0\n", Kind::text},
             Case{"", Kind::unknown},
             Case{"\x7F"
                  "ELF\x02\x01\x01",
                  Kind::unknown},
             Case{std::string("\0\0\0\0", 4), Kind::unknown},
         })
        EXPECT_EQ(name_of(sniff(bytes)), name_of(kind)) << bytes;
}

TEST(Kind, OfALabelThatContradictsTheBytesIsAnErrorThatNamesBoth) {
    const auto wrong = check_label("image/png", Kind::mp3, "messages[0].content[1].image_url.url");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Code::invalid_argument);
    EXPECT_EQ(wrong.error().field, "messages[0].content[1].image_url.url");
    EXPECT_THAT(wrong.error().message, AllOf(HasSubstr("image/png"), HasSubstr("MP3")));
    EXPECT_FALSE(check_label("image/png", Kind::jpeg, "f"));
    EXPECT_FALSE(check_label("wav", Kind::mp3, "f"));
    EXPECT_FALSE(check_label("audio/wav", Kind::png, "f"));
    EXPECT_FALSE(check_label("image/png", Kind::unknown, "f"));
    EXPECT_FALSE(check_label("image/x-strange", Kind::mp3, "f"));
}

TEST(Kind, OfALabelThatFitsOrSaysNothingIsNone) {
    for (const auto& [label, kind] : {std::pair{"image/png"sv, Kind::png},
                                      {"IMAGE/JPG; q=1"sv, Kind::jpeg},
                                      {""sv, Kind::mp3},
                                      {"application/octet-stream"sv, Kind::gif},
                                      {"image/*"sv, Kind::webp},
                                      {"audio/webm"sv, Kind::webm},
                                      {"mp3"sv, Kind::mp3},
                                      {"opus"sv, Kind::ogg},
                                      {"video/quicktime"sv, Kind::mp4},
                                      {"text/markdown"sv, Kind::text},
                                      {"image/x-strange"sv, Kind::tiff},
                                      {"whatever"sv, Kind::mp3}})
        EXPECT_TRUE(check_label(label, kind, "f")) << label;
}

// Recorders write .m4a with the brands of any MP4, and each system has a label of its own for it.
TEST(Kind, OfASoundInAContainerIsWhateverItsLabelsCallIt) {
    for (const auto* brand : {"isom", "mp42", "M4A "}) {
        const auto kind = sniff(std::string("\0\0\0\x20"sv) + "ftyp" + brand + std::string(20, '\0'));
        for (const auto* label :
             {"audio/mp4", "audio/m4a", "audio/x-m4a", "audio/mp4a-latm", "audio/aac", "m4a", "aac"})
            EXPECT_TRUE(check_label(label, kind, "f")) << brand << ' ' << label;
        EXPECT_FALSE(check_label("audio/wav", kind, "f")) << brand;
        EXPECT_FALSE(check_label("image/png", kind, "f")) << brand;
    }
    EXPECT_TRUE(check_label("audio/x-recorder", Kind::mp4, "f"));
    EXPECT_TRUE(check_label("audio/x-recorder", Kind::webm, "f"));
    EXPECT_FALSE(check_label("audio/x-recorder", Kind::png, "f"));
}

TEST(Kind, OfAnyBytesIsSomeKind) {
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp)
    for (int i = 0; i < 2000; ++i) {
        std::string bytes(random() % 40, '\0');
        for (auto& byte : bytes) byte = static_cast<char>(random());
        EXPECT_FALSE(name_of(sniff(bytes)).empty());
    }
}

}  // namespace
}  // namespace sarai::media::kind_test
