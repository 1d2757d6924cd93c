#include <gtest/gtest.h>

#include "protocols/text_tools.hpp"
#include "recordings.hpp"

namespace sarai::protocols::text_tools::text_tools_test {
namespace {

using protocols::test::object;

TEST(TextTools, TakeTheTextUnderEitherName) {
    for (const auto* name : {"content", "prompt"}) {
        const auto request = decode_tokenize(std::string(R"({"model":"m",")") + name +
                                             R"(":"a text that is too long to stand in the string itself"})");
        ASSERT_TRUE(request.has_value()) << request.error().message;
        EXPECT_EQ(request->body,
                  object(R"({"model":"m","content":"a text that is too long to stand in the string itself"})"));
    }
}

TEST(TextTools, RefuseWhatIsNoTextAndNoTokens) {
    EXPECT_EQ(decode_tokenize(R"({"model":"m","content":["a"]})").error().field, "content");
    EXPECT_EQ(decode_tokenize(R"({"content":"a"})").error().field, "model");
    for (const auto* tokens : {"1", "[-1]", "[1.5]", "[2147483648]", R"(["a"])"})
        EXPECT_EQ(decode_detokenize(std::string(R"({"model":"m","tokens":)") + tokens + "}").error().field, "tokens")
            << tokens;
}

}  // namespace
}  // namespace sarai::protocols::text_tools::text_tools_test
