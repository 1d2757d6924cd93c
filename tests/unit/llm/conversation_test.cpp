#include "llm/conversation.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::llm::conversation_test {
namespace {

std::uint64_t hash_of(std::string_view body, Task task = Task::chat) {
    Request request;
    request.task = task;
    request.body = boost::json::parse(body).as_object();
    return conversation_of(request);
}

TEST(Conversation, IsTheSameForEachTurnOfIt) {
    const auto first =
        hash_of(R"({"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]})");
    const auto second = hash_of(R"({"model": "other", "temperature": 1, "messages": [
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "How are you?"}]})");
    EXPECT_EQ(first, second);
    EXPECT_NE(first, 0U);
}

TEST(Conversation, DiffersWithTheInstructionsTheFirstMessageAndTheirBorders) {
    const auto of = [](std::string_view system, std::string_view user) {
        return hash_of(std::string(R"({"messages": [{"role": "system", "content": ")") + std::string(system) +
                       R"("}, {"role": "user", "content": ")" + std::string(user) + R"("}]})");
    };
    EXPECT_NE(of("a", "b"), of("a", "c"));
    EXPECT_NE(of("a", "b"), of("b", "b"));
    EXPECT_NE(of("ab", "c"), of("a", "bc"));
}

TEST(Conversation, IsToldByPartsAndByAPromptsBeginning) {
    const auto parts = [](std::string_view text) {
        return hash_of(std::string(R"({"messages": [{"role": "user", "content": [{"type": "text", "text": ")") +
                       std::string(text) + R"("}]}]})");
    };
    EXPECT_NE(parts("a"), parts("b"));
    const std::string long_begin(1024, 'x');
    const auto prompt = [](const std::string& text) {
        return hash_of(R"({"prompt": ")" + text + R"("})", Task::completion);
    };
    EXPECT_EQ(prompt(long_begin + "a"), prompt(long_begin + "b"));
    EXPECT_NE(prompt("a"), prompt("b"));
}

TEST(Conversation, IsZeroWhereNothingTellsIt) {
    EXPECT_EQ(hash_of(R"({"input": "x"})", Task::embedding), 0U);
    EXPECT_EQ(hash_of(R"({"messages": []})"), 0U);
    EXPECT_EQ(hash_of(R"({"messages": [{"role": "assistant", "content": "Hi"}]})"), 0U);
    EXPECT_EQ(hash_of(R"({"messages": [7]})"), 0U);
    EXPECT_EQ(hash_of(R"({"messages": "x"})"), 0U);
    EXPECT_EQ(hash_of("{}", Task::completion), 0U);
}

}  // namespace
}  // namespace sarai::llm::conversation_test
