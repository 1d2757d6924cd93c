#include "web/excerpt.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sarai::web::excerpt_test {
namespace {

std::string page() {
    std::string text;
    for (int i = 0; i < 40; ++i)
        text +=
            "## Part " + std::to_string(i) + "\n\n" +
            (i == 23 ? "The bridge was opened by the engineer Ramona in 1932." : std::string(300, 'x') + " bridge.") +
            "\n\n";
    return text;
}

}  // namespace

TEST(BestPassages, FindsTheOneThatAnswers) {
    const auto found = best_passages(page(), "Who opened the bridge in 1932?", 500);
    EXPECT_NE(found.find("Ramona"), std::string::npos) << found;
    EXPECT_LE(found.size(), 500U);
}

TEST(BestPassages, ComeInThePagesOrder) {
    const auto found = best_passages("# A\n\nzeta one\n\n# B\n\nnothing\n\n# C\n\nzeta zeta alpha", "alpha zeta", 4000);
    EXPECT_LT(found.find("zeta one"), found.find("alpha"));
}

TEST(BestPassages, AreHowThePageBeginsWhereNoWordIsFound) {
    EXPECT_EQ(best_passages("# Title\n\nFirst words.", "quite another thing", 400).substr(0, 7), "# Title");
    EXPECT_EQ(best_passages("", "a question", 400), "");
}

TEST(ReadPage, TakesHtmlAndTextAlone) {
    const auto html = read_page("text/html", "<title>T</title><script>bad()</script><p>caf\xe9 con leche</p>");
    ASSERT_TRUE(html) << describe(html.error());
    EXPECT_EQ(html->title, "T");
    EXPECT_NE(html->text.find("café con leche"), std::string::npos) << html->text;
    EXPECT_EQ(html->text.find("bad()"), std::string::npos);
    ASSERT_TRUE(read_page("text/plain", "a < b"));
    EXPECT_EQ(read_page("text/plain", "a < b")->text, "a < b");
    EXPECT_EQ(read_page("application/pdf", "%PDF-1.7").error().code, Code::unsupported);
}

}  // namespace sarai::web::excerpt_test
