#include "page/page.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sarai::page::page_test {
namespace {

TEST(Page, TheRootIsThePageAndWhatItNamesIsThere) {
    const auto* page = find_file("/");
    ASSERT_NE(page, nullptr);
    EXPECT_EQ(page->path, "/index.html");
    EXPECT_EQ(page->type, "text/html; charset=utf-8");
    EXPECT_FALSE(page->lasting);
    int named = 0;
    for (auto at = page->plain.find("/assets/"); at != std::string_view::npos;
         at = page->plain.find("/assets/", at + 1)) {
        const auto name = page->plain.substr(at, page->plain.find('"', at) - at);
        const auto* file = find_file(name);
        ASSERT_NE(file, nullptr) << name;
        EXPECT_TRUE(file->lasting);
        ++named;
    }
    EXPECT_GE(named, 2);
}

TEST(Page, NothingElseIsServed) {
    for (const auto* path : {"", "/index", "/assets/", "/assets/../index.html", "index.html"})
        EXPECT_EQ(find_file(path), nullptr) << path;
}

TEST(Page, ItHasNoInlineScriptWhichItsPolicyWouldStop) {
    const auto page = find_file("/")->plain;
    for (auto at = page.find("<script"); at != std::string_view::npos; at = page.find("<script", at + 1))
        EXPECT_TRUE(page.substr(at, page.find('>', at) - at).contains("src=")) << page.substr(at, 80);
    EXPECT_FALSE(page.contains("<style"));
    EXPECT_FALSE(page.contains("style="));
    EXPECT_FALSE(content_policy.contains("unsafe"));
}

TEST(Page, FilesAreCompressedWithoutATimeOfTheirOwn) {
    const auto gzip = find_file("/")->gzip;
    ASSERT_GT(gzip.size(), 18U);
    EXPECT_EQ(gzip.substr(0, 3), std::string_view("\x1f\x8b\x08"));
    EXPECT_EQ(gzip.substr(4, 4), std::string_view("\0\0\0\0", 4));
    EXPECT_LT(gzip.size(), find_file("/")->plain.size());
}

TEST(Page, GzipIsTakenWhereTheClientNamesItAndNotWhereItGivesItNoWeight) {
    for (const auto* yes : {"gzip", "gzip, deflate, br", "br, gzip;q=0.5", "*", "gzip;q=1.0"})
        EXPECT_TRUE(takes_gzip(yes)) << yes;
    for (const auto* no : {"", "br", "gzip;q=0", "gzip;q=0.0, br", "x-gzipped"}) EXPECT_FALSE(takes_gzip(no)) << no;
}

TEST(Page, ATagIsFoundInAListWeakOrNot) {
    EXPECT_TRUE(names_tag(R"("a")", R"("a")"));
    EXPECT_TRUE(names_tag(R"("b", W/"a")", R"("a")"));
    EXPECT_TRUE(names_tag("*", R"("a")"));
    EXPECT_FALSE(names_tag("", R"("a")"));
    EXPECT_FALSE(names_tag(R"("ab")", R"("a")"));
}

}  // namespace
}  // namespace sarai::page::page_test
