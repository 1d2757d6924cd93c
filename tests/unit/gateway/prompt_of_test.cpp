#include "gateway/prompt_of.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "protocols/anthropic.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"

namespace sarai::gateway::prompt_of_test {
namespace {

Prompt prompt(std::string_view body, llm::Task task = llm::Task::chat) {
    llm::Request request{.task = task, .body = boost::json::parse(body).get_object()};
    return prompt_of(request);
}

}  // namespace

TEST(PromptOf, IsTheUsersLastMessage) {
    const auto one =
        prompt(R"({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hola"}]})");
    EXPECT_EQ(one.text, "Hola");
    EXPECT_EQ(one.all_text, 13);
    EXPECT_FALSE(one.goes_on);
    const auto two =
        prompt(R"({"messages": [{"role": "user", "content": "Hola"}, {"role": "assistant", "content": "¡Hola!"},
                                             {"role": "user", "content": "Explica los punteros"}]})");
    EXPECT_EQ(two.text, "Explica los punteros");
    EXPECT_TRUE(two.goes_on);
}

// A tool's results, or the beginning of an answer, are not what the user asks.
TEST(PromptOf, WhatFollowsItChangesNothing) {
    const auto one = prompt(
        R"({"messages": [{"role": "user", "content": "Sum it up"}, {"role": "assistant", "content": null, "tool_calls": []},
                                             {"role": "tool", "content": "42"}]})");
    EXPECT_EQ(one.text, "Sum it up");
    EXPECT_FALSE(one.goes_on) << "the same turn";
}

TEST(PromptOf, JoinsPartsAndNotesWhatElseThereIs) {
    const auto one = prompt(
        R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}, {"type": "input_audio", "input_audio": {}}]}]})");
    EXPECT_EQ(one.text, "What is\nthis?");
    EXPECT_TRUE(one.facts.image && one.facts.audio);
    EXPECT_FALSE(one.facts.video);
}

TEST(PromptOf, APictureThatWasSentEarlierIsStillToBeRead) {
    EXPECT_TRUE(prompt(R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
                                        {"role": "assistant", "content": "A cat."}, {"role": "user", "content": "Thanks"}]})")
                    .facts.image);
}

// The same picture is the same to the router, however it is sent.
TEST(PromptOf, LooksIntoFiles) {
    const auto with = [](std::string_view file) {
        return prompt(
            R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "Sum it up"}, {"type": "file", "file": )" +
            std::string(file) + "}]}]}");
    };
    const auto picture =
        with(R"({"file_data": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==", "filename": "a.png"})");
    EXPECT_TRUE(picture.facts.image && !picture.facts.audio && !picture.facts.video);
    EXPECT_EQ(picture.text, "Sum it up");
    EXPECT_TRUE(with(R"({"file_url": "https://host/a/song.MP3?x=1"})").facts.audio);
    const auto text = with(R"({"file_data": "data:text/plain;base64,aG9sYSBtdW5kbw==", "filename": "a.txt"})");
    EXPECT_FALSE(text.facts.any_attachment());
    EXPECT_EQ(text.text, "Sum it up\nFile a.txt:\nhola mundo");
    const auto long_one = with(R"({"file_data": "data:text/plain,)" + std::string(100'000, 'x') + "\"}");
    EXPECT_LT(long_one.text.size(), 33'000U);
    EXPECT_NEAR(static_cast<double>(long_one.facts.size), 100'010, 100);
    EXPECT_EQ(long_one.all_text, long_one.facts.size);
    for (const auto* nothing : {"{}", "5", R"({"file_id": "file-1"})", R"({"file_data": "?"})"})
        EXPECT_EQ(with(nothing).text, "Sum it up") << nothing;
}

TEST(PromptOf, KnowsTools) {
    constexpr auto with = R"({"messages": [], "tools": [{"type": "function"}], "tool_choice": ")";
    EXPECT_TRUE(prompt(std::string(with) + "auto\"}").facts.tools);
    EXPECT_FALSE(prompt(std::string(with) + "none\"}").facts.tools);
    EXPECT_FALSE(prompt(R"({"messages": [], "tools": []})").facts.tools);
}

TEST(PromptOf, OfACompletionIsItsFirstPrompt) {
    EXPECT_EQ(prompt(R"({"prompt": "Once"})", llm::Task::completion).text, "Once");
    EXPECT_EQ(prompt(R"({"prompt": ["Once", "Twice"]})", llm::Task::completion).text, "Once");
    EXPECT_EQ(prompt(R"({"prompt": [1, 2]})", llm::Task::completion).text, "");
}

TEST(PromptOf, OfALongMessageIsItsBeginningAndItsEnd) {
    const auto text = "first " + std::string(200'000, 'x') + " last";
    const auto one = prompt(R"({"messages": [{"role": "user", "content": ")" + text + "\"}]}");
    EXPECT_LT(one.text.size(), 33'000U);
    EXPECT_TRUE(one.text.starts_with("first x"));
    EXPECT_TRUE(one.text.ends_with("x last"));
    EXPECT_EQ(one.facts.size, static_cast<std::int64_t>(text.size()));
}

TEST(PromptOf, WithoutAnythingIsEmpty) {
    for (const auto* body : {"{}", R"({"messages": 5})", R"({"messages": [1, {"role": "user"}, {"content": "x"}]})"})
        EXPECT_EQ(prompt(body).text, "") << body;
}

TEST(PromptOf, IsTheSameInEveryProtocol) {
    const auto openai = protocols::openai::decode_request(
        llm::Task::chat, R"({"model": "auto", "messages": [{"role": "user", "content": "Hola"}]})");
    const auto ollama = protocols::ollama::decode_request(
        protocols::ollama::Call::chat,
        R"({"model": "auto", "messages": [{"role": "user", "content": "Hola", "images": ["iVBORw0KGgo="]}]})");
    const auto generate =
        protocols::ollama::decode_request(protocols::ollama::Call::generate, R"({"model": "auto", "prompt": "Hola"})");
    const auto anthropic = protocols::anthropic::decode_request(
        R"({"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "text", "text": "Hola"}]}]})");
    ASSERT_TRUE(openai && ollama && generate && anthropic);
    EXPECT_EQ(prompt_of(*openai).text, "Hola");
    EXPECT_EQ(prompt_of(ollama->request).text, "Hola");
    EXPECT_TRUE(prompt_of(ollama->request).facts.image);
    EXPECT_EQ(prompt_of(generate->request).text, "Hola");
    EXPECT_EQ(prompt_of(*anthropic).text, "Hola");
}

}  // namespace sarai::gateway::prompt_of_test
