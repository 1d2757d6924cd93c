#include "pipelines/step_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace sarai::pipelines::step_request_test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

llm::Request chat(std::string_view messages, std::string_view more = "") {
    llm::Request request{.model = "p", .body = {}};
    request.body = json::parse(std::string("{\"model\": \"p\"") + std::string(more) +
                               ", \"messages\": " + std::string(messages) + "}")
                       .as_object();
    return request;
}

constexpr std::string_view conversation = R"([
  {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
  {"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "image_url", "image_url": {"url": "data:,x"}},
                               {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}, {"type": "text", "text": "this?"}]}])";

config::Pipeline pipeline() {
    return {.name = "p",
            .parameters = {{"tone", "warm"}},
            .steps = {{.name = "look",
                       .model = "omni",
                       .prompt = "See: {{ input }}",
                       .attachments = "image",
                       .temperature = 0.5,
                       .max_tokens = 9},
                      {.name = "answer",
                       .model = "solar",
                       .system = "Tone: {{ parameters.tone }}",
                       .prompt = "{{ steps.look }} | {{ input }} ({{ images }} {{ audios }} {{ language }})",
                       .when = "",
                       .history = true,
                       .temperature = 0.1,
                       .max_tokens = 50}},
            .output = "answer"};
}

Inputs inputs(const llm::Request& request) {
    auto read = read_inputs(pipeline(), request, "en");
    EXPECT_TRUE(read) << read.error().message;
    return read.value_or(Inputs{});
}

}  // namespace

TEST(PipelineInputs, AreTheUsersLastMessageAndWhatWasSaidBefore) {
    const auto read = inputs(chat(conversation));
    EXPECT_EQ(read.text, "What is\nthis?");
    EXPECT_EQ(read.count(Medium::image), 1);
    EXPECT_EQ(read.count(Medium::audio), 1);
    EXPECT_EQ(read.count(Medium::video), 0);
    ASSERT_EQ(read.attachments.size(), 2U);
    EXPECT_EQ(read.attachments[1].parts.size(), 1U);
    EXPECT_EQ(read.attachments[1].message, 3U);
    EXPECT_EQ(read.attachments[1].index, 2U);
    EXPECT_EQ(read.system, "Be brief.");
    EXPECT_EQ(read.history.size(), 2U);
    EXPECT_EQ(read.language, "en");
}

TEST(PipelineInputs, ParametersAreTheRequests) {
    const auto messages = R"([{"role": "user", "content": "x"}])";
    const auto given = inputs(chat(messages, R"(, "pipeline": {"tone": "dry", "language": "es"})"));
    EXPECT_EQ(given.parameters.at("tone"), "dry");
    EXPECT_EQ(given.language, "es");
    const auto wrong = [&](std::string_view more) {
        const auto read = read_inputs(pipeline(), chat(messages, more), "en");
        return read ? std::string("right") : read.error().field + ": " + read.error().message;
    };
    EXPECT_EQ(wrong(R"(, "pipeline": {"tome": "dry"})"),
              "pipeline.tome: pipeline 'p' has no parameter 'tome'; it has: tone");
    EXPECT_THAT(wrong(R"(, "pipeline": {"tone": 5})"), HasSubstr("'pipeline.tone' is no text"));
    EXPECT_THAT(wrong(R"(, "pipeline": 5)"), HasSubstr("'pipeline' is no object"));
}

TEST(PipelineInputs, WithoutAUsersMessageThereIsNothingToDo) {
    const auto read = read_inputs(pipeline(), chat(R"([{"role": "system", "content": "x"}])"), "en");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().field, "messages");
    llm::Request completion{.task = llm::Task::completion, .model = "p", .body = {{"prompt", "x"}}};
    EXPECT_EQ(read_inputs(pipeline(), completion, "en").error().field, "model");
}

TEST(PipelineSteps, AStepGetsItsTextsItsAttachmentsAndNothingElse) {
    const auto p = pipeline();
    const auto made =
        request_for(p, p.steps[0], "omni", inputs(chat(conversation, R"(, "tools": [{"type": "function"}])")), {});
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->stream);
    EXPECT_EQ(made->model, "omni");
    EXPECT_EQ(
        json::serialize(made->body),
        R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}},)"
        R"({"type":"text","text":"See: What is\nthis?"}]}],"stream":true,"temperature":5E-1,"max_tokens":9,"model":"omni"})");
}

TEST(PipelineSteps, TheLastOneIsTheClientsRequestWithItsOwnMessages) {
    const auto p = pipeline();
    const auto asked = chat(conversation, R"(, "max_tokens": 7, "tools": [], "pipeline": {"tone": "dry"})");
    const auto made = final_request(p, p.steps[1], "solar", inputs(asked), {{"look", "a cat"}}, {}, asked);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->body.at("model"), "solar");
    EXPECT_EQ(made->body.at("max_tokens"), 7) << "the client's own limit holds";
    EXPECT_TRUE(made->body.contains("tools"));
    EXPECT_FALSE(made->body.contains("pipeline"));
    EXPECT_EQ(made->body.at("temperature").as_double(), 0.1);
    const auto& messages = made->body.at("messages").as_array();
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(messages[0].at("content"), "Tone: dry\n\nBe brief.");
    EXPECT_EQ(messages[3].at("content"), "a cat | What is\nthis? (1 1 en)");
}

TEST(PipelineSteps, WhatWasShownEarlierIsOnlyForThoseWhoAreShownSomething) {
    auto p = pipeline();
    const auto asked = chat(
        R"([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}, {"type": "text", "text": "Look"}]},
                                {"role": "assistant", "content": "A cat"}, {"role": "user", "content": "And now?"}])");
    const auto history = [&] {
        return final_request(p, p.steps[1], "solar", inputs(asked), {}, {}, asked)->body.at("messages").as_array()[1];
    };
    EXPECT_EQ(history().at("content"), "Look");
    p.steps[1].attachments = "any";
    EXPECT_EQ(history().at("content").as_array().size(), 2U);
}

TEST(PipelineSteps, ConditionsAreAboutTheRequestAndEarlierSteps) {
    auto p = pipeline();
    const auto read = inputs(chat(conversation));
    const auto wanted = [&](std::string when, const Results& results = {}) {
        p.steps[0].when = std::move(when);
        return is_wanted(p, p.steps[0], read, results);
    };
    EXPECT_TRUE(wanted("").value());
    EXPECT_TRUE(wanted("images > 0").value());
    EXPECT_FALSE(wanted("videos > 0").value());
    EXPECT_FALSE(wanted("steps.answer").value()) << "it was left out, or has not ended";
    EXPECT_TRUE(wanted("steps.answer", {{"answer", ""}}).value());
    const auto unknown = wanted("nobody > 0");
    EXPECT_THAT(unknown ? "" : unknown.error().message, HasSubstr("'when' of step 'look'"));
}

TEST(PipelineSearch, LooksForWhatTheUserWroteUnlessToldOtherwise) {
    auto p = pipeline();
    p.steps[0] = {.name = "found", .knowledge = "{{ parameters.tone }}-notes"};
    const auto asked = inputs(chat(conversation));
    const auto plain = search_for(p, p.steps[0], asked, {});
    ASSERT_TRUE(plain) << describe(plain.error());
    EXPECT_EQ(plain->query, "What is\nthis?");
    EXPECT_EQ(plain->collection, "warm-notes");
    p.steps[0] = {.name = "found", .web = true, .query = "about {{ input }}"};
    EXPECT_EQ(search_for(p, p.steps[0], asked, {})->query, "about What is\nthis?");
    EXPECT_EQ(search_for(p, p.steps[0], asked, {})->collection, "");
}

TEST(PipelineSearch, NeedsSomethingToLookFor) {
    auto p = pipeline();
    p.steps[0] = {.name = "found", .web = true};
    const auto nothing = search_for(p, p.steps[0], inputs(chat(R"([{"role": "user", "content": " "}])")), {});
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().field, "messages");
    EXPECT_THAT(nothing.error().message, HasSubstr("'found' has nothing to search for"));
}

TEST(PipelineFrame, ReadsWhatWasCitedAndWhatWasMissed) {
    auto p = pipeline();
    p.preface = "{% if notes %}({{ notes }}) {% endif %}";
    p.closing = "{% if sources %}\n\n{{ sources }}{% endif %}";
    const auto asked = inputs(chat(conversation));
    const auto full = frame_of(p, asked, {}, {.sources = "- [1] a.md:1-2", .notes = "No web."});
    ASSERT_TRUE(full) << describe(full.error());
    EXPECT_EQ(full->preface, "(No web.) ");
    EXPECT_EQ(full->closing, "\n- [1] a.md:1-2");
    const auto empty = frame_of(p, asked, {}, {});
    EXPECT_EQ(empty->preface + empty->closing, "");
}

namespace {

std::optional<KnownPart> known(const config::Pipeline& p, const Results& results, const Results& partial,
                               const std::vector<std::string>& left_out = {}) {
    const auto asked = chat(R"([{"role": "user", "content": "What now?"}])");
    return known_part(p, p.steps.back(), "lfm2", inputs(asked), results, partial, left_out, asked);
}
std::string text_of(const KnownPart& part) {
    return std::string(part.request.body.at("messages").as_array().back().at("content").as_string());
}

config::Pipeline chain() {
    auto p = pipeline();
    p.steps = {{.name = "look", .model = "omni", .prompt = "x"},
               {.name = "facts", .model = "solar", .prompt = "{{ steps.look }}"},
               {.name = "answer",
                .model = "lfm2",
                .system = "Be kind.",
                .prompt = "Asked: {{ input }}{% if steps.look %}; seen: {{ steps.look }}{% endif %}; facts: {{ "
                          "steps.facts }} End."}};
    return p;
}

}  // namespace

TEST(PipelineKnownPart, GrowsAsStepsGiveWhatTheyHave) {
    EXPECT_EQ(text_of(known(chain(), {}, {}).value()), "Asked: What now?; seen:");
    EXPECT_EQ(text_of(known(chain(), {}, {{"look", "a ca"}}).value()), "Asked: What now?; seen: a ca");
    EXPECT_EQ(text_of(known(chain(), {{"look", "a cat"}}, {{"facts", "Cats sle"}}).value()),
              "Asked: What now?; seen: a cat; facts: Cats sle");
    EXPECT_EQ(text_of(known(chain(), {{"look", "a cat"}, {"facts", "Cats sleep."}}, {}).value()),
              "Asked: What now?; seen: a cat; facts: Cats sleep. End.");
    EXPECT_EQ(text_of(known(chain(), {}, {}, {"look"}).value()), "Asked: What now?; facts:");
}

TEST(PipelineKnownPart, EndsAsItsTextDoes) {
    const auto part = known(chain(), {{"look", std::string(300, 'x') + "ñandú"}}, {}).value();
    EXPECT_TRUE(text_of(part).ends_with(part.until)) << part.until;
    EXPECT_LE(part.until.size(), 201U);
    EXPECT_GE(part.until.size(), 199U);
}

TEST(PipelineKnownPart, IsNothingWhereTheSystemPromptWaitsOrThereIsMoreThanText) {
    auto p = chain();
    p.steps.back().system = "Tone: {{ steps.look }}";
    EXPECT_FALSE(known(p, {}, {{"look", "war"}}));
    EXPECT_TRUE(known(p, {{"look", "warm"}}, {}));
    auto sees = chain();
    sees.steps.back().attachments = "any";
    const auto asked = chat(conversation);
    EXPECT_FALSE(
        known_part(sees, sees.steps.back(), "omni", inputs(asked), {{"look", "a"}, {"facts", "b"}}, {}, {}, asked));
}

}  // namespace sarai::pipelines::step_request_test
