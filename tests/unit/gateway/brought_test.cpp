#include "gateway/brought.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::gateway::brought_test {
namespace {

namespace json = boost::json;

protocols::ollama::Recipe recipe() {
    return {.system = "Be short.",
            .parameters = json::parse(R"({"temperature":0.2,"num_predict":24,"num_ctx":512,"stop":["x"]})").as_object(),
            .messages = {{.role = "user", .content = "1+1?"}, {.role = "assistant", .content = "2"}}};
}

json::value applied(const char* body, llm::Task task = llm::Task::chat) {
    llm::Request request{.task = task, .model = "m", .body = json::parse(body).as_object(), .text = "as sent"};
    apply_recipe(request, recipe());
    EXPECT_EQ(request.text.empty(), llm::generates(task));
    return request.body;
}

TEST(BroughtModel, ItsRecipeHoldsWhereTheRequestSaysNothing) {
    EXPECT_EQ(applied(R"({"messages":[{"role":"user","content":"2+2?"}]})"), json::parse(R"({
        "messages":[{"role":"system","content":"Be short."},{"role":"user","content":"1+1?"},
                    {"role":"assistant","content":"2"},{"role":"user","content":"2+2?"}],
        "temperature":0.2,"max_tokens":24,"stop":["x"]})"));
}

TEST(BroughtModel, WhatTheRequestSaysWins) {
    EXPECT_EQ(applied(R"({"messages":[{"role":"system","content":"Be long."},{"role":"user","content":"?"}],
                          "temperature":1,"max_completion_tokens":5,"stop":[]})"),
              json::parse(R"({"messages":[{"role":"system","content":"Be long."},{"role":"user","content":"1+1?"},
                                          {"role":"assistant","content":"2"},{"role":"user","content":"?"}],
                              "temperature":1,"max_completion_tokens":5,"stop":[]})"));
}

TEST(BroughtModel, RawTextGetsItsOptionsAloneAndVectorsNothing) {
    EXPECT_EQ(applied(R"({"prompt":"x"})", llm::Task::completion),
              json::parse(R"({"prompt":"x","temperature":0.2,"max_tokens":24,"stop":["x"]})"));
    EXPECT_EQ(applied(R"({"input":"x"})", llm::Task::embedding), json::parse(R"({"input":"x"})"));
}

}  // namespace
}  // namespace sarai::gateway::brought_test
