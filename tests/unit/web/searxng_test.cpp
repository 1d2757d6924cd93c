#include "web/searxng.hpp"

#include <gtest/gtest.h>

namespace sarai::web::searxng_test {

TEST(SearxngTarget, EncodesTheQuestion) {
    EXPECT_EQ(searxng_target("a&b=c d/ñ?", "es"), "/search?q=a%26b%3Dc%20d%2F%C3%B1%3F&format=json&language=es");
    EXPECT_EQ(searxng_target("x", "other"), "/search?q=x&format=json&language=all");
}

// The shape of the answer is SearXNG's, docs.searxng.org/dev/search_api.html.
TEST(ReadSearxng, TakesWhatCanBeCited) {
    const auto hits = read_searxng(R"json({"query": "q", "number_of_results": 0, "results": [
        {"url": "https://a.example/1", "title": "One", "content": "first", "engine": "x", "score": 2.0,
         "publishedDate": "2026-11-01T00:00:00"},
        {"url": "https://a.example/1", "title": "again"},
        {"url": "javascript:alert(1)", "title": "no"}, {"title": "no address"}, 7,
        {"url": "http://b.example/", "content": 5},
        {"url": "http://c.example/", "title": "three"}],
        "unresponsive_engines": [["y", "timeout"]]})json",
                                   2);
    ASSERT_TRUE(hits) << describe(hits.error());
    ASSERT_EQ(hits->size(), 2U);
    EXPECT_EQ(
        (*hits)[0],
        (Hit{.url = "https://a.example/1", .title = "One", .snippet = "first", .published = "2026-11-01T00:00:00"}));
    EXPECT_EQ((*hits)[1], (Hit{.url = "http://b.example/", .title = {}, .snippet = {}, .published = {}}));
}

TEST(ReadSearxng, SaysWhatIsWrong) {
    EXPECT_EQ(read_searxng("<html>", 5).error().code, Code::upstream);
    EXPECT_EQ(read_searxng(R"({"results": {}})", 5).error().code, Code::upstream);
    const auto silent =
        read_searxng(R"({"results": [], "unresponsive_engines": [["duck", "timeout"], ["goo", "captcha"]]})", 5);
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().code, Code::unavailable);
    EXPECT_EQ(silent.error().message, "none of the search engine's sources answered (duck, goo)");
    const auto nothing = read_searxng(R"({"results": []})", 5);
    ASSERT_TRUE(nothing);
    EXPECT_TRUE(nothing->empty());
}

TEST(Searxng, TakesNoAddressThatIsNoneAndNoControlCharacters) {
    const auto hits = read_searxng(
        R"json({"results": [
          {"url": "http://a.example/\n\n# Owned", "title": "A", "content": "a"},
          {"url": "http://b.example/\u001b]0;pwned\u0007", "title": "B", "content": "b"},
          {"url": "javascript:alert(1)", "title": "C", "content": "c"},
          {"url": "https://es.example/wiki/Año nuevo", "title": "D\u001b[2J\u007f", "content": "d\ne"}]})json",
        9);
    ASSERT_TRUE(hits) << describe(hits.error());
    ASSERT_EQ(hits->size(), 1U);
    EXPECT_EQ(hits->front().url, "https://es.example/wiki/A%C3%B1o%20nuevo");
    EXPECT_EQ(hits->front().title, "D [2J ");
    EXPECT_EQ(hits->front().snippet, "d e");
}

}  // namespace sarai::web::searxng_test
