#include "base/prompt_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sarai::prompt_template_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string rendered(std::string_view text, const boost::json::object& values) {
    const auto parsed = PromptTemplate::parse(text);
    if (!parsed) return "parse: " + parsed.error().message;
    auto made = parsed->render(values);
    return made ? *made : "render: " + made.error().message;
}

}  // namespace

TEST(PromptTemplate, FillsInValuesConditionsAndLoops) {
    const boost::json::object values{
        {"input", "¿Qué es?"}, {"images", 2}, {"steps", {{"look", "a cat"}, {"tone", nullptr}}}, {"list", {"a", "b"}}};
    EXPECT_EQ(rendered("{{ input }} — {{ steps.look }}", values), "¿Qué es? — a cat");
    EXPECT_EQ(rendered("{% if images > 1 %}many{% else %}one{% endif %}", values), "many");
    EXPECT_EQ(rendered("{% if steps.tone %}tone{% else %}none{% endif %}|{{ steps.tone }}", values), "none|");
    EXPECT_EQ(rendered("{% for x in list %}{{ loop.index1 }}{{ x }} {% endfor %}", values), "1a 2b ");
    EXPECT_EQ(rendered("{# not for the model #}plain", values), "plain");
}

TEST(PromptTemplate, ValuesAreNeverTemplates) {
    EXPECT_EQ(rendered("{{ input }}", {{"input", "{{ secret }}{% include \"/etc/passwd\" %}"}}),
              "{{ secret }}{% include \"/etc/passwd\" %}");
}

TEST(PromptTemplate, AHeadingIsNoStatement) {
    EXPECT_EQ(rendered("## Facts\n{{ input }}\n", {{"input", "x"}}), "## Facts\nx\n");
}

TEST(PromptTemplate, ReadsNoFiles) {
    EXPECT_THAT(rendered("{% include \"/etc/passwd\" %}", {}), HasSubstr("render: "));
    EXPECT_THAT(rendered("{% extends \"/etc/passwd\" %}", {}), HasSubstr("render: "));
}

TEST(PromptTemplate, TellsWhatItReads) {
    const auto parsed = PromptTemplate::parse(
        "{{ input }} {% if steps.look and parameters.tone == \"x\" %}{{ upper(language) }}{% endif %}"
        "{% for x in images %}{{ x.size }}{{ loop.index }}{% endfor %}{% set y = audios %}{{ y }}");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_THAT(parsed->names(),
                UnorderedElementsAre("input", "steps.look", "parameters.tone", "language", "images", "audios"));
    EXPECT_THAT(PromptTemplate::parse("nothing")->names(), IsEmpty());
}

TEST(PromptTemplate, SaysWhereItIsWrong) {
    for (const auto* text : {"{{ input", "one\n{% if x %}", "{% endif %}", "{{ unknown_function(1) }}", "{% for %}"}) {
        const auto parsed = PromptTemplate::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, Code::invalid_argument);
        EXPECT_THAT(parsed.error().message, HasSubstr("line ")) << text;
    }
    EXPECT_THAT(rendered("{{ missing }}", {}), HasSubstr("render: line 1: "));
}

TEST(PromptTemplate, Conditions) {
    const auto holds = [](std::string_view expression, const boost::json::object& values) {
        const auto parsed = PromptTemplate::parse_condition(expression);
        return parsed ? parsed->render(values).value_or("error") : "wrong";
    };
    EXPECT_EQ(holds("images > 0", {{"images", 1}}), "true");
    EXPECT_EQ(holds("images > 0 and language == \"es\"", {{"images", 1}, {"language", "en"}}), "");
    EXPECT_EQ(holds("images + videos > 0", {{"images", 0}, {"videos", 1}}), "true");
    EXPECT_EQ(holds("{{ images }}", {}), "wrong");
    EXPECT_EQ(holds("x %}{% if true", {}), "wrong");
    EXPECT_EQ(holds("images >", {}), "wrong");
}

}  // namespace sarai::prompt_template_test
