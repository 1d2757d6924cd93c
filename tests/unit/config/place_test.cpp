#include "config/place.hpp"

#include <gtest/gtest.h>

namespace sarai::config::place_test {
namespace {

Node tree() {
    return *parse_yaml(
        "server: {listen: 127.0.0.1:1}\n"
        "models:\n"
        "  qwen2.5:\n"
        "    pinned: true\n"
        "    endpoints:\n"
        "      - url: http://a\n"
        "      - api_key: k\n"
        "        url: http://b\n");
}

void expect_place(std::initializer_list<std::string_view> keys, int line, bool whole) {
    const auto found = find_place(tree(), keys);
    EXPECT_EQ(found.line, line);
    EXPECT_EQ(found.whole, whole);
}

TEST(Place, OfAKeyIsItsLine) {
    expect_place({"models", "qwen2.5", "pinned"}, 4, true);
    expect_place({"server", "listen"}, 1, true);
}

TEST(Place, OfAnItemIsWhereItBegins) {
    expect_place({"models", "qwen2.5", "endpoints", "1"}, 7, true);
    expect_place({"models", "qwen2.5", "endpoints", "1", "url"}, 8, true);
}

TEST(Place, OfWhatIsMissingIsThatOfTheDeepestKeyThatIsThere) {
    expect_place({"models", "qwen2.5", "preload"}, 3, false);
    expect_place({"models", "qwen2.5", "endpoints", "2", "url"}, 5, false);
    expect_place({"models", "qwen2.5", "pinned", "more"}, 4, false);
    expect_place({"memory", "max_ram"}, 0, false);
}

TEST(Place, OfAnEmptyFileIsNowhere) {
    EXPECT_EQ(find_place({}, {"models"}).line, 0);
    EXPECT_FALSE(find_place({}, {"models"}).whole);
}

}  // namespace
}  // namespace sarai::config::place_test
