#include "library/modelfile.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::library::modelfile_test {
namespace {

namespace json = boost::json;

std::string error_of(std::string_view text) {
    const auto parsed = parse_modelfile(text);
    return parsed ? "none" : parsed.error().message;
}

}  // namespace

TEST(Modelfile, IsReadInstructionByInstruction) {
    const auto file = parse_modelfile(
        "\xEF\xBB\xBF# a comment\r\n"
        "from ./solar.gguf\r\n"
        "FROM ./mmproj.gguf\n"
        "\n"
        "  PARAMETER num_ctx 4096\n"
        "PARAMETER temperature 0.7\n"
        "PARAMETER stop \"<|im_end|>\"\n"
        "PARAMETER stop User:\n"
        "PARAMETER use_mmap true\n"
        "PARAMETER mirostat 1\n"
        "TEMPLATE \"\"\"{{ .System }}\n"
        "# not a comment \"\"\" nor an end\n"
        "{{ .Prompt }}\"\"\"\n"
        "System You are short.\n"
        "MESSAGE user Is the sky blue?\n"
        "MESSAGE assistant \"yes,\n"
        "it is\"\n"
        "REQUIRES 0.14.0\n"
        "LICENSE MIT\n"
        "LICENSE \"\"\"\n"
        "second\n"
        "\"\"\"");
    ASSERT_TRUE(file.has_value()) << file.error().message;
    EXPECT_EQ(file->from, (std::vector<std::string>{"./solar.gguf", "./mmproj.gguf"}));
    const auto& recipe = file->recipe;
    EXPECT_EQ(recipe.parameters, json::parse(R"({"num_ctx":4096,"temperature":0.7,"stop":["<|im_end|>","User:"],
                                                 "use_mmap":true})"));
    EXPECT_EQ(recipe.chat_template, "{{ .System }}\n# not a comment \"\"\" nor an end\n{{ .Prompt }}");
    EXPECT_EQ(recipe.system, "You are short.");
    ASSERT_EQ(recipe.messages.size(), 2U);
    EXPECT_EQ(recipe.messages[1].content, "yes,\nit is");
    EXPECT_EQ(recipe.licenses, (std::vector<std::string>{"MIT", "\nsecond\n"}));
}

TEST(Modelfile, WhatIsPrintedIsReadAsTheSame) {
    Modelfile file{.from = {"hf.co/org/repo:Q4_K_M"},
                   .recipe = {.chat_template = "{{ .Prompt }}\n", .system = " edge \"quoted\""}};
    file.recipe.parameters = json::parse(R"({"num_ctx":4096,"temperature":0.7,"stop":["\n","a b"]})").as_object();
    file.recipe.licenses = {"one\ntwo", "\"three\""};
    file.recipe.messages = {{.role = "user", .content = ""}, {.role = "assistant", .content = "yes"}};
    const auto again = parse_modelfile(print_modelfile(file));
    ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << print_modelfile(file);
    EXPECT_EQ(*again, file) << print_modelfile(file);
}

TEST(Modelfile, ErrorsNameTheLineOfTheInstruction) {
    EXPECT_EQ(error_of("# x\n\nFORM llama3"),
              "line 3: \"FORM\" is no instruction; expected FROM, PARAMETER, TEMPLATE, SYSTEM, MESSAGE or LICENSE");
    EXPECT_EQ(error_of("FROM a\nTEMPLATE \"\"\"x\ny\n"), "line 2: the quotes (\"\"\") are not closed");
    EXPECT_EQ(error_of("FROM a\nSYSTEM \"x"), "line 2: the quotes (\") are not closed");
    EXPECT_EQ(error_of("FROM a\nPARAMETER num_ctx many"), "line 2: PARAMETER num_ctx is \"many\"; expected an integer");
    EXPECT_EQ(error_of("FROM a\nPARAMETER num_ctx 1.5"), "line 2: PARAMETER num_ctx is \"1.5\"; expected an integer");
    EXPECT_EQ(error_of("FROM a\nPARAMETER num_ctx -9223372036854775808"),
              "line 2: PARAMETER num_ctx is \"-9223372036854775808\"; expected an integer");
    EXPECT_EQ(error_of("FROM a\nPARAMETER top_p nan"), "line 2: PARAMETER top_p is \"nan\"; expected a number");
    EXPECT_EQ(error_of("FROM a\nPARAMETER use_mmap 1"), "line 2: PARAMETER use_mmap is \"1\"; expected true or false");
    EXPECT_EQ(error_of("FROM a\nPARAMETER foo 1"), "line 2: \"foo\" is no parameter that is known here");
    EXPECT_EQ(error_of("FROM a\nMESSAGE tool x"), "line 2: MESSAGE is of \"tool\"; expected system, user or assistant");
    EXPECT_EQ(error_of("FROM"), "line 1: FROM names nothing; expected a model or a file");
    EXPECT_EQ(error_of("SYSTEM x"), "no FROM line in the Modelfile");
    EXPECT_EQ(error_of("FROM a\nADAPTER ./lora.gguf"), "line 2: ADAPTER is not supported");
    EXPECT_EQ(parse_modelfile("FROM a\nADAPTER x").error().code, Code::unsupported);
}

TEST(Modelfile, ParametersAreListedAsOllamaListsThem) {
    const auto parameters = json::parse(R"({"num_predict":24,"temperature":0.7,"stop":["</s>","\n"]})").as_object();
    EXPECT_EQ(print_parameters(parameters),
              "num_predict                    24\n"
              "temperature                    0.7\n"
              "stop                           \"</s>\"\n"
              "stop                           \"\\n\"");
}

}  // namespace sarai::library::modelfile_test
