#include "gateway/ability.hpp"

#include <gtest/gtest.h>

namespace sarai::gateway::ability_test {
namespace {

using config::ModelKind;
using llm::Task;

std::string refusal(ModelKind kind, Task task) {
    const auto able = is_able({.name = "m", .kind = kind}, task);
    if (able) return "";
    EXPECT_EQ(able.error().code, Code::unsupported);
    EXPECT_EQ(able.error().field, "model");
    return able.error().message;
}

TEST(Ability, FollowsTheKindAndTellsIt) {
    EXPECT_EQ(refusal(ModelKind::chat, Task::chat), "");
    EXPECT_EQ(refusal(ModelKind::chat, Task::embedding), "") << "servers tell";
    EXPECT_EQ(refusal(ModelKind::chat, Task::rerank),
              "model 'm' is of kind chat: it generates text and cannot rank documents");
    EXPECT_EQ(refusal(ModelKind::embedding, Task::embedding), "");
    EXPECT_EQ(refusal(ModelKind::embedding, Task::completion),
              "model 'm' is of kind embedding: it makes embeddings and cannot generate text");
    EXPECT_EQ(refusal(ModelKind::embedding, Task::rerank),
              "model 'm' is of kind embedding: it makes embeddings and cannot rank documents");
    EXPECT_EQ(refusal(ModelKind::rerank, Task::rerank), "");
    EXPECT_EQ(refusal(ModelKind::rerank, Task::chat),
              "model 'm' is of kind rerank: it ranks documents (POST /v1/rerank) and cannot generate text");
    EXPECT_EQ(refusal(ModelKind::rerank, Task::embedding),
              "model 'm' is of kind rerank: it ranks documents (POST /v1/rerank) and cannot make embeddings");
    EXPECT_EQ(refusal(ModelKind::rerank, Task::tokenize), "") << "it has a tokenizer";
}

}  // namespace
}  // namespace sarai::gateway::ability_test
