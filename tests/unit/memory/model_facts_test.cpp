#include "memory/model_facts.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "memory/quantisation.hpp"

namespace sarai::memory::model_facts_test {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path file = "/models/a.gguf";

json::object printed() {
    return json::parse(R"({"architecture":"llama","parameter_count":1705216,"quantisation":"Q4_K_M",
        "context_length":4096,"embedding_length":256,"pooling_type":null,"chat_template":"{{ tools }}",
        "is_projector":false,"sees":false,"hears":false,"has_fim_tokens":true,
        "metadata":{"general.file_type":15,"tokenizer.ggml.tokens":{"elements":1024}},
        "tensors":[{"name":"output.weight","type":"Q6_K","shape":[256,1024]}],"left_out":2})")
        .as_object();
}

Result<ModelFacts> parsed(const json::object& report, int status = 0) {
    return parse_description(file, status, json::serialize(report), "");
}

TEST(QuantisationName, IsThatOfTheFileType) {
    EXPECT_EQ(quantisation_name(0), "F32");
    EXPECT_EQ(quantisation_name(1), "F16");
    EXPECT_EQ(quantisation_name(7), "Q8_0");
    EXPECT_EQ(quantisation_name(15), "Q4_K_M");
    EXPECT_EQ(quantisation_name(18), "Q6_K");
    EXPECT_EQ(quantisation_name(25), "IQ4_NL");
    EXPECT_EQ(quantisation_name(32), "BF16");
    EXPECT_EQ(quantisation_name(38), "MXFP4");
    EXPECT_EQ(quantisation_name(41), "Q2_0");
    for (const std::int64_t other : {-1, 4, 35, 42, 1024}) EXPECT_EQ(quantisation_name(other), "unknown") << other;
}

TEST(Description, AsksForTheFile) {
    EXPECT_THAT(describe_arguments(file), ElementsAre("--describe", "--model", "/models/a.gguf"));
}

TEST(Description, IsReadWhole) {
    const auto facts = parsed(printed());
    ASSERT_TRUE(facts) << describe(facts.error());
    EXPECT_EQ(facts->architecture, "llama");
    EXPECT_EQ(facts->parameter_count, 1705216);
    EXPECT_EQ(facts->quantisation, "Q4_K_M");
    EXPECT_EQ(facts->context_length, 4096);
    EXPECT_EQ(facts->embedding_length, 256);
    EXPECT_EQ(facts->pooling_type, std::nullopt);
    EXPECT_TRUE(facts->has_fim_tokens);
    EXPECT_EQ(facts->metadata.size(), 2U);
    EXPECT_THAT(facts->tensors, ElementsAre(TensorFacts{"output.weight", "Q6_K", {256, 1024}}));
    EXPECT_EQ(facts->left_out, 2);
}

TEST(Description, WithSomethingMissingIsNone) {
    for (const char* key : {"architecture", "parameter_count", "context_length", "metadata", "tensors", "left_out"}) {
        auto report = printed();
        report.erase(key);
        const auto facts = parsed(report);
        ASSERT_FALSE(facts) << key;
        EXPECT_EQ(facts.error().code, Code::internal);
    }
    auto report = printed();
    report["context_length"] = -1;
    EXPECT_FALSE(parsed(report));
    report = printed();
    report["tensors"] = json::array{json::object{{"name", "x"}}};
    EXPECT_FALSE(parsed(report));
}

TEST(Description, PassesTheChildsErrorOn) {
    const auto facts = parsed({{"error", {{"code", "corrupt_file"}, {"message", "a.gguf is empty"}}}}, 1);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, Code::corrupt_file);
    EXPECT_EQ(facts.error().message, "a.gguf is empty");
}

TEST(Description, OfAFileThatKillsTheChildSaysSo) {
    const auto facts = parse_description(file, 134, "", "terminate called\n");
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, Code::corrupt_file);
    EXPECT_THAT(facts.error().message, HasSubstr("/models/a.gguf: terminate called"));
}

TEST(FileKind, FollowsPoolingAndArchitecture) {
    EXPECT_EQ(kind_of({.architecture = "llama"}), FileKind::chat);
    EXPECT_EQ(kind_of({.architecture = "llama", .pooling_type = 0}), FileKind::chat);
    EXPECT_EQ(kind_of({.architecture = "qwen3", .pooling_type = 3}), FileKind::embedding);
    EXPECT_EQ(kind_of({.architecture = "nomic-bert"}), FileKind::embedding);
    EXPECT_EQ(kind_of({.architecture = "qwen3", .pooling_type = 4}), FileKind::rerank);
    EXPECT_EQ(kind_of({.architecture = "bert", .pooling_type = 4}), FileKind::rerank);
    EXPECT_EQ(kind_of({.architecture = "gemma-embedding", .pooling_type = 0}), FileKind::embedding);
    EXPECT_EQ(kind_of({.architecture = "clip", .is_projector = true}), FileKind::projector);
}

TEST(FileKind, IsThatOfARerankerWhereTheFileHasAClassifierAndDoesNotSayHowItPools) {
    ModelFacts facts{.architecture = "bert", .tensors = {{.name = "cls.output.weight"}}};
    EXPECT_EQ(kind_of(facts), FileKind::rerank);
    facts.pooling_type = 1;
    EXPECT_EQ(kind_of(facts), FileKind::embedding) << "what it says counts more";
    EXPECT_EQ(kind_of({.architecture = "llama", .tensors = {{.name = "cls.output.weight"}}}), FileKind::chat);
}

TEST(ChatTemplate, TakesToolsWhereItUsesTheVariable) {
    const auto takes = [](std::string text) { return takes_tools({.chat_template = std::move(text)}); };
    EXPECT_TRUE(takes("{%- if tools %}{{ tools | tojson }}{% endif %}"));
    EXPECT_TRUE(takes("x {{messages}} {% for tool in tools -%}"));
    EXPECT_TRUE(takes("{%if tools is not none%}")) << "and it need not end";
    EXPECT_FALSE(takes("{{ message.tools }}{{ message['tools'] }}{{ use_tools }}{{ tools_in_user }}"));
    EXPECT_FALSE(takes("You have tools. {{ messages }} {tools}"));
    EXPECT_FALSE(takes(""));
    EXPECT_FALSE(takes("{"));
    ModelFacts facts;
    facts.metadata["tokenizer.chat_template.tool_use"] = "…";
    EXPECT_TRUE(takes_tools(facts)) << "one for requests with tools";
}

TEST(ChatTemplate, ThinksWhereItKnowsOfThoughts) {
    EXPECT_TRUE(thinks({.chat_template = "{{ content.split('</think>')[-1] }}"}));
    EXPECT_TRUE(thinks({.chat_template = "{% if enable_thinking %}"}));
    EXPECT_FALSE(thinks({.chat_template = "{{ messages }} Think first."}));
}

}  // namespace
}  // namespace sarai::memory::model_facts_test
