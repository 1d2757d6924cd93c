#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace sarai::utf8_test {

TEST(Utf8, MeasuresOneCodePoint) {
    EXPECT_EQ(utf8_length("a"), 1U);
    EXPECT_EQ(utf8_length("é!"), 2U);
    EXPECT_EQ(utf8_length("€"), 3U);
    EXPECT_EQ(utf8_length("🙂"), 4U);
}

TEST(Utf8, RefusesWhatIsTornOverlongOrASurrogate) {
    for (const char* bytes : {"", "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                              "\xf4\x90\x80\x80", "\xff", "\xe2\x28\xa1"}) {
        EXPECT_EQ(utf8_length(bytes), 0U) << bytes;
    }
}

TEST(Utf8, ReplacesWhatIsNone) {
    EXPECT_EQ(valid_utf8("é\xff!"), "é\xef\xbf\xbd!");
    EXPECT_EQ(valid_utf8("torn \xe2\x82"), "torn \xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(valid_utf8(""), "");
}

}  // namespace sarai::utf8_test
