#include "media/data_uri.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocols/base64.hpp"

namespace sarai::media::data_uri_test {
namespace {

using testing::HasSubstr;

TEST(DataUri, IsReadInEveryFormThatClientsWrite) {
    struct Case {
        std::string_view text, label, bytes;
    };
    for (const auto& [text, label, bytes] : {
             Case{"data:image/png;base64,QUJD", "image/png", "ABC"},
             Case{"DATA:image/png;BASE64,QUJD", "image/png", "ABC"},
             Case{"data:;base64,QUI=", "", "AB"},
             Case{"data:text/plain;charset=utf-8;base64,QQ==", "text/plain", "A"},
             Case{"data:text/plain,a%20b%2C", "text/plain", "a b,"},
             Case{"data:,", "", ""},
             Case{"data:image/png;base64,QU%4AD", "image/png", "ABC"},
             Case{"data:image/png;base64,QU\r\nJD\n", "image/png", "ABC"},
             Case{"data:image/png;base64,__-_", "image/png", "\xFF\xFF\xBF"},
             Case{"data:image/png;base64,QUI", "image/png", "AB"},
         }) {
        const auto got = decode_data_uri(text, KiB(1), "f");
        ASSERT_TRUE(got) << text << ": " << got.error().message;
        EXPECT_EQ(got->label, label) << text;
        EXPECT_EQ(got->bytes, bytes) << text;
    }
}

TEST(DataUri, ThatIsBrokenIsRefusedWithFieldAndValue) {
    struct Case {
        std::string_view text, why;
    };
    for (const auto& [text, why] : {
             Case{"data:image/png;base64", "expected data:TYPE;base64,"},
             Case{"data:image/png;base64,QU!D", "byte 2 is no base64 digit"},
             Case{"data:image/png;base64,Q", "in the middle of a byte"},
             Case{"data:image/png;base64,QQ=A", "byte 3"},
             Case{"data:image/png;base64,QQ===", "byte 4"},
             Case{"data:image/png;base64,=", "byte 0"},
             Case{"data:text/plain,%4", "two hexadecimal digits"},
             Case{"data:text/plain,%zz", "two hexadecimal digits"},
         }) {
        const auto got = decode_data_uri(text, KiB(1), "messages[0].f");
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().code, Code::invalid_argument);
        EXPECT_EQ(got.error().field, "messages[0].f");
        EXPECT_THAT(got.error().message, HasSubstr("'messages[0].f'"));
        EXPECT_THAT(got.error().message, HasSubstr(why)) << text;
    }
}

TEST(DataUri, ThatIsTooLargeIsRefusedBeforeItIsDecoded) {
    // What is no base64 would be noticed by decoding it.
    const auto got = decode_data_uri("data:image/png;base64," + std::string(4000, '!'), KiB(1), "f");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::too_large);
    EXPECT_EQ(got.error().field, "f");
    EXPECT_THAT(got.error().message, HasSubstr("expected at most 1 KiB"));
    const auto percent = decode_data_uri("data:text/plain," + std::string(1025, 'a'), KiB(1), "f");
    ASSERT_FALSE(percent);
    EXPECT_EQ(percent.error().code, Code::too_large);
}

TEST(DataUri, ComesBackAsItWent) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        const auto again = decode_data_uri(to_data_uri("image/png", bytes), KiB(1), "f");
        ASSERT_TRUE(again);
        EXPECT_EQ(again->bytes, bytes);
        bytes += static_cast<char>(i * 7);
    }
}

}  // namespace
}  // namespace sarai::media::data_uri_test
