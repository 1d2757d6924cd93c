#include <gmock/gmock.h>

#include <sstream>

#include "config/built_in_pipelines.hpp"
#include "config/pipeline_graph.hpp"
#include "support.hpp"

namespace sarai::config::pipelines_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::string_view models = R"(
models:
  solar: {backend: ollama_http, endpoints: [{url: "http://box:11434"}]}
  lfm2: {backend: gguf_native, path: l.gguf}
  omni: {backend: gguf_native, path: o.gguf, mmproj: p.gguf}
  embed: {backend: gguf_native, path: e.gguf, kind: embedding}
)";

std::string with(std::string_view pipelines) {
    return "built_in_pipelines: false\npipelines:" + std::string(pipelines) + std::string(models);
}

std::vector<std::string> wrong(std::string_view pipelines) {
    std::vector<std::string> lines;
    std::istringstream all(problems_of(with(pipelines)));
    for (std::string line; std::getline(all, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST(ConfigPipelines, AreReadWhole) {
    const auto config = valid(with(R"(
  sights:
    description: Looks, then answers.
    deadline: 90s
    parameters: {tone: warm, width: ""}
    output: answer
    steps:
      - {name: look, model: omni, attachments: image, when: images > 0, system: Look., prompt: "See {{ input }}", temperature: 0.2, max_tokens: 100}
      - {name: answer, role: expert, prompt: "{{ steps.look }} {{ parameters.tone }}", after: [count]}
      - {name: count, model: lfm2, history: true}
)"));
    ASSERT_EQ(config.pipelines.size(), 1U);
    const auto& sights = config.pipelines[0];
    EXPECT_EQ(sights.name, "sights");
    EXPECT_EQ(sights.description, "Looks, then answers.");
    EXPECT_EQ(sights.deadline, std::chrono::seconds(90));
    EXPECT_EQ(sights.parameters, (std::map<std::string, std::string>{{"tone", "warm"}, {"width", ""}}));
    EXPECT_EQ(sights.output, "answer");
    ASSERT_EQ(sights.steps.size(), 3U);
    EXPECT_EQ(sights.steps[0], (PipelineStep{.name = "look",
                                             .model = "omni",
                                             .system = "Look.",
                                             .prompt = "See {{ input }}",
                                             .when = "images > 0",
                                             .attachments = "image",
                                             .temperature = 0.2,
                                             .max_tokens = 100}));
    EXPECT_EQ(sights.steps[1].role, "expert");
    EXPECT_TRUE(sights.steps[1].history) << "whoever answers knows the conversation";
    EXPECT_FALSE(sights.steps[0].history);
    const auto graph = read_graph(sights).graph;
    EXPECT_THAT(graph.needs[1], ElementsAre(0, 2));
    EXPECT_THAT(graph.order, ElementsAre(0, 2, 1));
    EXPECT_EQ(graph.output, 1U);
    EXPECT_EQ(config.find_pipeline("Sights:latest"), &sights);
    EXPECT_EQ(config.find_pipeline("sight"), nullptr);
}

TEST(ConfigPipelines, TheLastStepAnswersUnlessToldOtherwise) {
    const auto config =
        valid(with("\n  p: {steps: [{name: a, model: lfm2}, {name: b, model: solar, prompt: \"{{ steps.a }}\", "
                   "history: false}]}\n"));
    EXPECT_EQ(config.pipelines[0].output, "b");
    EXPECT_FALSE(config.pipelines[0].steps[1].history);
}

TEST(ConfigPipelines, AllThatIsWrongIsToldAtOnce) {
    const auto lines = wrong(R"(
  p:
    steps:
      - {name: Look, model: omni, prompt: "{{ input"}
      - {name: a, model: lmf2, attachments: image}
      - {name: b, model: embed, prompt: "{{ steps.c }} {{ inptu }} {{ parameters.x }}"}
      - {name: b, prompt: "{{ steps.bb }}"}
      - {name: d, model: lfm2, role: tiny, when: "images >"}
      - {name: e, model: lfm2, attachments: audio, wehn: x}
)");
    EXPECT_THAT(lines,
                Contains(HasSubstr("pipelines.p.steps[0].name: \"Look\"; expected a name of lower-case letters")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[0].prompt: line 1")));
    EXPECT_THAT(lines,
                Contains(HasSubstr("pipelines.p.steps[1].model: \"lmf2\"; expected the name of a chat model of this "
                                   "file; did you mean lfm2?")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[2].model: \"embed\", which does not chat")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[2].prompt: reads \"inptu\"; expected input, language")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[3].name: \"b\"; expected a name that no other step has")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[3].model: missing; expected either model or role")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[4].role: given together with model")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[4].when: ")));
    EXPECT_THAT(lines,
                Contains(HasSubstr("pipelines.p.steps[5].attachments: audio for \"lfm2\", which has no mmproj")));
    EXPECT_THAT(lines, Contains(HasSubstr("pipelines.p.steps[5].wehn: unknown key; did you mean when?")));
}

TEST(ConfigPipelines, CirclesAreShown) {
    EXPECT_THAT(
        wrong(R"(
  p:
    steps:
      - {name: a, model: lfm2, prompt: "{{ steps.c }}"}
      - {name: b, model: lfm2, prompt: "{{ steps.a }}"}
      - {name: c, model: lfm2, prompt: "{{ steps.b }}"}
)"),
        ElementsAre(HasSubstr("a needs c needs b, which needs a; expected steps that do not wait for each other")));
    EXPECT_THAT(wrong("\n  p: {steps: [{name: a, model: lfm2, after: [a]}]}\n"),
                ElementsAre(HasSubstr("steps[0].after: \"a\"; expected another step than itself")));
}

TEST(ConfigPipelines, AStepThatNobodyReadsAndAnAnswerThatMayBeMissingAreMistakes) {
    EXPECT_THAT(wrong("\n  p: {steps: [{name: a, model: lfm2}, {name: b, model: lfm2}]}\n"),
                ElementsAre(HasSubstr("steps[0].name: the result of \"a\" is read by no step")));
    EXPECT_THAT(wrong("\n  p: {steps: [{name: a, model: lfm2, when: images > 0}]}\n"),
                ElementsAre(HasSubstr("steps[0].when: a condition of the step that answers")));
    EXPECT_THAT(wrong("\n  p: {output: c, steps: [{name: a, model: lfm2}]}\n"),
                ElementsAre(HasSubstr("pipelines.p.output: \"c\"; expected the name of a step of this pipeline")));
    EXPECT_THAT(wrong("\n  p: {description: nothing}\n"),
                ElementsAre(HasSubstr("pipelines.p.steps: none; expected 1 to 64 steps")));
}

TEST(ConfigPipelines, NamesAreNotThoseOfModels) {
    EXPECT_THAT(wrong("\n  solar: {steps: [{name: a, model: lfm2}]}\n"),
                ElementsAre(HasSubstr("pipelines.solar: also the name of a model")));
    EXPECT_THAT(wrong("\n  auto: {steps: [{name: a, model: lfm2}]}\n"),
                ElementsAre(HasSubstr("pipelines.auto: the name by which clients ask for whatever model fits")));
}

TEST(ConfigPipelines, SomeComeWithTheProgramAndGiveWayToOnesOfTheirName) {
    std::vector<std::string> names;
    for (const auto& pipeline : built_in_pipelines()) {
        names.push_back(pipeline.name);
        EXPECT_TRUE(pipeline.built_in);
        EXPECT_THAT(read_graph(pipeline).faults, IsEmpty());
    }
    EXPECT_THAT(names, ElementsAre("vision-expert", "tone-expert", "voice-assistant", "web-search", "ask-documents"));
    const auto config = valid("pipelines: {tone-expert: {steps: [{name: mine, model: lfm2}]}}" + std::string(models));
    ASSERT_EQ(config.pipelines.size(), 5U);
    EXPECT_EQ(config.find_pipeline("tone-expert")->steps[0].name, "mine");
    EXPECT_TRUE(config.find_pipeline("vision-expert")->built_in);
    EXPECT_THAT(valid("built_in_pipelines: false" + std::string(models)).pipelines, IsEmpty());
}

TEST(ConfigPipelines, StepsMaySearchInsteadOfAskingAModel) {
    const auto config = valid(with(R"(
  p:
    preface: "{{ notes }}"
    closing: "{{ sources }}"
    parameters: {where: notes}
    steps:
      - {name: docs, knowledge: "{{ parameters.where }}", query: "about {{ input }}", limit: 3, max_text: 2KiB}
      - {name: net, web: true}
      - {name: answer, model: solar, prompt: "{{ steps.docs }} {{ steps.net }} {{ notes }}"}
)"));
    const auto& p = config.pipelines[0];
    EXPECT_EQ(p.steps[0].knowledge, "{{ parameters.where }}");
    EXPECT_EQ(p.steps[0].limit, 3);
    EXPECT_EQ(p.steps[0].max_text, KiB(2));
    EXPECT_TRUE(p.steps[1].web);
    EXPECT_FALSE(p.steps[1].asks_model());
    EXPECT_EQ(p.closing, "{{ sources }}");
    EXPECT_THAT(read_graph(p).graph.needs[2], ElementsAre(0, 1));
}

TEST(ConfigPipelines, AStepThatSearchesHasNoUseForAModelsKeysAndTheOtherWayRound) {
    EXPECT_THAT(
        wrong(R"(
  p:
    closing: "{{ steps.nobody }}"
    steps:
      - {name: net, web: true, knowledge: notes, model: solar, prompt: x}
      - {name: docs, knowledge: "{{ steps.net }}"}
      - {name: early, model: lfm2, prompt: "{{ notes }}", limit: 3}
      - {name: answer, model: solar, prompt: "{{ steps.docs }} {{ steps.early }} {{ steps.net }}"}
)"),
        UnorderedElementsAre(HasSubstr("pipelines.p.closing"), HasSubstr("pipelines.p.steps[0].knowledge"),
                             HasSubstr("pipelines.p.steps[0].model"), HasSubstr("pipelines.p.steps[0].prompt"),
                             HasSubstr("pipelines.p.steps[1].knowledge"), HasSubstr("pipelines.p.steps[2].prompt"),
                             HasSubstr("pipelines.p.steps[2].limit")));
    EXPECT_THAT(wrong("\n  p: {steps: [{name: a, web: true}]}"), ElementsAre(HasSubstr("pipelines.p.steps[0].web")));
}

}  // namespace sarai::config::pipelines_test
