#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocols/anthropic.hpp"
#include "recordings.hpp"

namespace sarai::protocols::anthropic::anthropic_request_test {
namespace {

namespace json = boost::json;
using protocols::test::object;
using testing::HasSubstr;

std::string asking(std::string_view more) {
    return R"({"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}])" + std::string(more) + "}";
}
std::string with_content(std::string_view content, std::string_view role = "user") {
    return R"({"model":"m","max_tokens":5,"messages":[{"role":")" + std::string(role) + R"(","content":)" +
           std::string(content) + "}]}";
}

json::object body_of(std::string_view text) {
    const auto request = decode_request(text);
    EXPECT_TRUE(request.has_value()) << text << "\n" << request.error().message;
    return request ? request->body : json::object{};
}
json::value messages_of(std::string_view text) { return body_of(text)["messages"]; }
// What a member of the body becomes, null where nothing does.
json::value member(std::string_view name, std::string_view more) {
    const auto body = body_of(asking(more));
    const auto* value = body.if_contains(name);
    return value == nullptr ? json::value(nullptr) : *value;
}

constexpr std::string_view tools = R"(,"tools":[{"name":"f","input_schema":{"type":"object"}}])";

}  // namespace

TEST(AnthropicRequest, BecomesAnOpenAiRequest) {
    const auto request = decode_request(R"({"model":"m","max_tokens":64,"system":"Be brief.","temperature":0.5,
        "top_p":0.9,"top_k":40,"stop_sequences":["END"],"stream":true,"metadata":{"user_id":"u-1"},
        "service_tier":"auto","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Sure: ("}]})");
    ASSERT_TRUE(request.has_value()) << request.error().message;
    EXPECT_EQ(request->task, llm::Task::chat);
    EXPECT_EQ(request->model, "m");
    EXPECT_TRUE(request->stream);
    EXPECT_TRUE(request->text.empty());
    EXPECT_EQ(request->body, object(R"({"model":"m","max_tokens":64,"temperature":0.5,"top_p":0.9,"top_k":40,
        "stop":["END"],"stream":true,"stream_options":{"include_usage":true},"user":"u-1","messages":[
        {"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},
        {"role":"assistant","content":"Sure: ("}]})"));
    EXPECT_EQ(prefill_of(*request), "Sure: (");
}

TEST(AnthropicRequest, PassesUnknownFieldsUntouchedAndKeepsAnthropicsOwnToItself) {
    EXPECT_EQ(body_of(asking(R"(,"min_p":0.1,"nested":{"a":[1,null]},"keep_alive":"5m","temperature":null,
                  "cache_control":{"type":"ephemeral"},"container":"c","inference_geo":"eu","mcp_servers":[],
                  "context_management":{"edits":[]},"betas":["b"],"speed":"fast","stop_sequences":[],"tools":[])")),
              object(R"({"model":"m","max_tokens":5,"min_p":0.1,"nested":{"a":[1,null]},"keep_alive":"5m",
                  "stream":false,"messages":[{"role":"user","content":"hi"}]})"));
}

TEST(AnthropicRequest, TakesSystemAsTextOrBlocks) {
    const auto first = [](std::string_view system) {
        return messages_of(asking(R"(,"system":)" + std::string(system))).at(0);
    };
    EXPECT_EQ(first(R"([{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}])"),
              object(R"({"role":"system","content":"a\n\nb"})"));
    EXPECT_EQ(first(R"([{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.77; cch=a1b2;"},
                        {"type":"text","text":"You are an agent."}])"),
              object(R"({"role":"system","content":"You are an agent."})"));
    for (const auto* nothing : {R"("")", "[]", "null"}) EXPECT_EQ(first(nothing).at("role"), "user") << nothing;
    EXPECT_EQ(messages_of(R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"},
                  {"role":"system","content":"b"},{"role":"system","content":[{"type":"text","text":"c"}]}]})"),
              json::parse(R"([{"role":"user","content":"a"},{"role":"system","content":"b\nc"}])"));
}

TEST(AnthropicRequest, TranslatesTheBlocksOfAUser) {
    struct Case {
        std::string_view blocks;
        std::string_view content;
    };
    const std::vector<Case> cases{
        {R"("")", R"("")"},
        {R"("ñ 🙂\n")", R"("ñ 🙂\n")"},
        {R"([{"type":"text","text":"a","cache_control":{"type":"ephemeral"},"citations":null}])", R"("a")"},
        {R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])",
         R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])"},
        {R"([{"type":"image","source":{"type":"base64","media_type":"image/webp","data":"AA=="}}])",
         R"([{"type":"image_url","image_url":{"url":"data:image/webp;base64,AA=="}}])"},
        {R"([{"type":"image","source":{"type":"url","url":"http://h/a.png"}},{"type":"text","text":"?"}])",
         R"([{"type":"image_url","image_url":{"url":"http://h/a.png"}},{"type":"text","text":"?"}])"},
        {R"([{"type":"document","title":"T","context":"C",
              "source":{"type":"text","media_type":"text/plain","data":"D"}}])",
         R"("T\nC\nD")"},
        {R"([{"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"},
                                                                     {"type":"text","text":"b"}]}}])",
         R"("a\nb")"},
        {R"([{"type":"document","source":{"type":"content","content":"whole"}}])", R"("whole")"},
        {R"([{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"r"}]}])",
         R"("t\ns\nr")"},
        {R"([{"type":"mid_conv_system","content":[{"type":"text","text":"now"}]}])", R"("now")"},
    };
    for (const auto& [blocks, content] : cases)
        EXPECT_EQ(messages_of(with_content(blocks)).at(0).at("content"), json::parse(content)) << blocks;
}

TEST(AnthropicRequest, PutsResultsOfToolsBeforeTheRestOfTheirTurn) {
    EXPECT_EQ(messages_of(R"({"model":"m","max_tokens":1,"messages":[
            {"role":"user","content":"weather?"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},
                {"type":"redacted_thinking","data":"x"},{"type":"text","text":"Let me "},{"type":"text","text":"see."},
                {"type":"tool_use","id":"t1","name":"f","input":{"city":"Kyïv"}},
                {"type":"tool_use","id":"t2","name":"g","input":{}}]},
            {"role":"user","content":[{"type":"text","text":"well?"},
                {"type":"tool_result","tool_use_id":"t1","content":"sunny","cache_control":{"type":"ephemeral"}},
                {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"a"},
                    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},
                    {"type":"text","text":"b"}]}]}]})"),
              json::parse(R"([{"role":"user","content":"weather?"},
            {"role":"assistant","content":"Let me see.","reasoning_content":"hm","tool_calls":[
                {"id":"t1","type":"function","function":{"name":"f","arguments":"{\"city\":\"Kyïv\"}"}},
                {"id":"t2","type":"function","function":{"name":"g","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"t1","content":"sunny"},
            {"role":"tool","tool_call_id":"t2","content":"Error: a\nb"},
            {"role":"user","content":[{"type":"text","text":"Image in the result of t2:"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},
                {"type":"text","text":"well?"}]}])"));
    const auto only = messages_of(with_content(R"([{"type":"tool_result","tool_use_id":"t"},
        {"type":"tool_result","tool_use_id":"u","is_error":true,"content":"Error: no such file"}])"));
    EXPECT_EQ(only, json::parse(R"([{"role":"tool","tool_call_id":"t","content":""},
                                    {"role":"tool","tool_call_id":"u","content":"Error: no such file"}])"));
}

TEST(AnthropicRequest, JoinsTurnsOfOneRole) {
    EXPECT_EQ(messages_of(R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"},
                  {"role":"user","content":[{"type":"text","text":"b"}]},{"role":"assistant","content":"c"},
                  {"role":"assistant","content":[{"type":"text","text":"d"}]},{"role":"assistant","content":[]}]})"),
              json::parse(R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
                              {"role":"assistant","content":"cd"}])"));
}

TEST(AnthropicRequest, FindsThePrefillOnlyInALastMessageOfTheAssistant) {
    const auto prefill = [](std::string_view body) { return std::string(prefill_of(*decode_request(body))); };
    EXPECT_EQ(prefill(asking("")), "");
    EXPECT_EQ(prefill(with_content(R"([{"type":"text","text":"{"}])", "assistant")), "{");
    EXPECT_EQ(prefill(with_content(R"([{"type":"text","text":"x"},{"type":"tool_use","id":"t","name":"f","input":{}}])",
                                   "assistant")),
              "");
}

TEST(AnthropicRequest, TranslatesTools) {
    EXPECT_EQ(member("tools", R"(,"tools":[{"name":"f","description":"does","input_schema":{"type":"object"},
                                           "strict":true,"cache_control":{"type":"ephemeral"}},
                                          {"type":"custom","name":"g","input_schema":{}}])"),
              json::parse(R"([{"type":"function","function":{"name":"f","description":"does",
                                   "parameters":{"type":"object"},"strict":true}},
                              {"type":"function","function":{"name":"g","parameters":{}}}])"));
}

TEST(AnthropicRequest, TranslatesTheChoiceOfTools) {
    const auto chosen = [](std::string_view name, std::string_view choice, std::string_view offered = tools) {
        return member(name, std::string(offered) + R"(,"tool_choice":)" + std::string(choice));
    };
    EXPECT_EQ(chosen("tool_choice", R"({"type":"auto"})"), "auto");
    EXPECT_EQ(chosen("tool_choice", R"({"type":"any"})"), "required");
    EXPECT_EQ(chosen("tool_choice", R"({"type":"none"})"), "none");
    EXPECT_EQ(chosen("tool_choice", R"({"type":"tool","name":"f"})"),
              object(R"({"type":"function","function":{"name":"f"}})"));
    EXPECT_EQ(chosen("parallel_tool_calls", R"({"type":"auto","disable_parallel_tool_use":true})"), false);
    EXPECT_EQ(chosen("parallel_tool_calls", R"({"type":"auto","disable_parallel_tool_use":false})"), nullptr);
    EXPECT_EQ(chosen("tool_choice", R"({"type":"auto"})", ""), nullptr);
}

TEST(AnthropicRequest, TranslatesThinkingEffortAndFormat) {
    EXPECT_EQ(member("chat_template_kwargs", R"(,"thinking":{"type":"enabled","budget_tokens":2048})"),
              object(R"({"enable_thinking":true})"));
    EXPECT_EQ(member("thinking_budget_tokens", R"(,"thinking":{"type":"enabled","budget_tokens":2048})"), 2048);
    EXPECT_EQ(member("chat_template_kwargs", R"(,"thinking":{"type":"disabled"})"),
              object(R"({"enable_thinking":false})"));
    EXPECT_EQ(member("chat_template_kwargs", R"(,"thinking":{"type":"adaptive","display":"omitted"})"), nullptr);
    EXPECT_EQ(member("chat_template_kwargs", ""), nullptr);
    for (const auto& [effort, neutral] :
         {std::pair{"low", "low"}, {"medium", "medium"}, {"high", "high"}, {"xhigh", "high"}, {"max", "high"}})
        EXPECT_EQ(member("reasoning_effort", std::string(R"(,"output_config":{"effort":")") + effort + "\"}"), neutral);
    EXPECT_EQ(member("reasoning_effort", R"(,"thinking":{"type":"disabled"},"output_config":{"effort":"high"})"),
              nullptr);
    const auto format = object(R"({"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},
                                                                       "strict":true}})");
    EXPECT_EQ(
        member("response_format", R"(,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}})"),
        format);
    EXPECT_EQ(member("response_format", R"(,"output_format":{"type":"json_schema","schema":{"type":"object"}})"),
              format);
}

TEST(AnthropicRequest, CountsWithoutALengthOfTheAnswer) {
    const auto request = decode_count_request(R"({"model":"m","system":"s","stream":true,
        "messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{}}]})");
    ASSERT_TRUE(request.has_value()) << request.error().message;
    EXPECT_FALSE(request->stream);
    EXPECT_EQ(request->body, object(R"({"model":"m","messages":[{"role":"system","content":"s"},
        {"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]})"));
    EXPECT_EQ(decode_count_request(R"({"model":"m","messages":[]})").error().field, "messages");
}

TEST(AnthropicRequest, NamesFieldValueAndExpectationOfWhatIsWrong) {
    struct Refusal {
        std::string body;
        std::string field;
        std::string message;
    };
    const auto image = [](std::string_view source) {
        return with_content(R"([{"type":"image","source":)" + std::string(source) + "}]");
    };
    const auto document = [](std::string_view source) {
        return with_content(R"([{"type":"document","source":)" + std::string(source) + "}]");
    };
    const std::string block = "messages[0].content[0]";
    const std::vector<Refusal> refusals{
        {R"({"max_tokens":1,"messages":[]})", "model", "'model' is missing; expected the name of a model"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}]})", "max_tokens",
         "'max_tokens' is missing; expected an integer of at least 1"},
        {R"({"model":"m","max_tokens":0})", "max_tokens", "'max_tokens' is 0; expected an integer of at least 1"},
        {R"({"model":"m","max_tokens":1})", "messages", "'messages' is missing; expected an array of at least one"},
        {R"({"model":"m","max_tokens":1,"messages":[]})", "messages", "'messages' is []"},
        {R"({"model":"m","max_tokens":1,"messages":["x"]})", "messages[0]", R"('messages[0]' is "x"; expected)"},
        {with_content(R"("x")", "tool"), "messages[0].role", R"(is "tool"; expected user, assistant or system)"},
        {R"({"model":"m","max_tokens":1,"messages":[{"role":"user"}]})", "messages[0].content", "is missing"},
        {with_content("5"), "messages[0].content", "is 5; expected a string or an array of blocks"},
        {with_content("[]"), "messages[0].content", "is []; expected a string or at least one block"},
        {with_content("[7]"), block, "is 7; expected an object with a type"},
        {with_content("[{}]"), block + ".type", "is missing"},
        {with_content(R"([{"type":"text"}])"), block + ".text", "is missing; expected a string"},
        {with_content(R"([{"type":"text","text":1}])", "assistant"), block + ".text", "is 1; expected a string"},
        {with_content(R"([{"type":"image"}])"), block + ".source", "is missing; expected an object"},
        {image(R"({"data":"A"})"), block + ".source.type", "is missing"},
        {image(R"({"type":"base64","data":"A"})"), block + ".source.media_type", "is missing"},
        {image(R"({"type":"base64","media_type":"image/png","data":""})"), block + ".source.data",
         R"(is ""; expected the image in base64)"},
        {image(R"({"type":"url"})"), block + ".source.url", "is missing"},
        {with_content(R"([{"type":"document"}])"), block + ".source", "is missing"},
        {document(R"({"type":"text","data":4})"), block + ".source.data", "is 4; expected the document's text"},
        {document(R"({"type":"content"})"), block + ".source.content", "is missing"},
        {document(R"({"type":"content","content":[{"type":"image"}]})"), block + ".source.content[0].type",
         R"(is "image"; expected "text")"},
        {with_content(R"([{"type":"search_result","content":3}])"), block + ".content", "is 3"},
        {with_content(R"([{"type":"tool_result","content":"x"}])"), block + ".tool_use_id", "is missing"},
        {with_content(R"([{"type":"tool_result","tool_use_id":"t","content":[{"type":"text"}]}])"),
         block + ".content[0].text", "is missing"},
        {with_content(R"([{"type":"tool_use","name":"f","input":{}}])", "assistant"), block + ".id", "is missing"},
        {with_content(R"([{"type":"tool_use","id":"t","input":{}}])", "assistant"), block + ".name", "is missing"},
        {with_content(R"([{"type":"tool_use","id":"t","name":"f","input":"{}"}])", "assistant"), block + ".input",
         R"(is "{}"; expected an object)"},
        {with_content(R"([{"type":"image"}])", "system"), block + ".type", R"(is "image"; expected "text")"},
        {asking(R"(,"system":[{"type":"image"}])"), "system[0].type", R"(is "image"; expected "text")"},
        {asking(R"(,"system":5)"), "system", "is 5"},
        {asking(R"(,"temperature":1.5)"), "temperature", "'temperature' is 1.5E0; expected a number from 0 to 1"},
        {asking(R"(,"top_p":-1)"), "top_p", "a number from 0 to 1"},
        {asking(R"(,"top_k":-3)"), "top_k", "'top_k' is -3; expected an integer of at least 0"},
        {asking(R"(,"stream":"yes")"), "stream", "true or false"},
        {asking(R"(,"stop_sequences":"x")"), "stop_sequences", "an array of strings"},
        {asking(R"(,"stop_sequences":[1])"), "stop_sequences", "an array of strings"},
        {asking(R"(,"metadata":"u")"), "metadata", "an object"},
        {asking(R"(,"tools":{})"), "tools", "'tools' is {}; expected an array of objects"},
        {asking(R"(,"tools":[{"input_schema":{}}])"), "tools[0].name", "is missing"},
        {asking(R"(,"tools":[{"name":"f"}])"), "tools[0].input_schema", "is missing; expected a JSON schema"},
        {asking(R"(,"tool_choice":"auto")"), "tool_choice", "an object"},
        {asking(R"(,"tool_choice":{"type":"some"})"), "tool_choice.type", R"(is "some"; expected "auto", "any")"},
        {asking(R"(,"tool_choice":{"type":"tool"})"), "tool_choice.name", "is missing"},
        {asking(R"(,"tool_choice":{"type":"any"})"), "tools", "at least one tool"},
        {asking(R"(,"thinking":true)"), "thinking", "an object"},
        {asking(R"(,"thinking":{"type":"on"})"), "thinking.type", R"(expected "enabled", "disabled" or "adaptive")"},
        {asking(R"(,"thinking":{"type":"enabled","budget_tokens":0})"), "thinking.budget_tokens", "is 0"},
        {asking(R"(,"output_config":{"effort":"huge"})"), "output_config.effort", R"(is "huge"; expected low)"},
        {asking(R"(,"output_config":{"format":"json"})"), "output_config.format", "an object with type and schema"},
        {asking(R"(,"output_config":{"format":{"type":"text"}})"), "output_config.format.type", "\"json_schema\""},
        {asking(R"(,"output_format":{"type":"json_schema"})"), "output_format.schema", "a JSON schema"},
    };
    for (const auto& [body, field, message] : refusals) {
        const auto request = decode_request(body);
        ASSERT_FALSE(request.has_value()) << body;
        EXPECT_EQ(request.error().code, Code::invalid_argument) << body;
        EXPECT_EQ(request.error().field, field) << body;
        EXPECT_THAT(request.error().message, HasSubstr(message));
    }
}

TEST(AnthropicRequest, NamesWhatIsUnderstoodButNotOffered) {
    const std::vector<std::pair<std::string, std::string>> refusals{
        {asking(R"(,"tools":[{"type":"web_search_20250305","name":"web_search"}])"), "tools[0].type"},
        {asking(R"(,"tools":[{"type":"bash_20250124","name":"bash"}])"), "tools[0].type"},
        {asking(R"(,"mcp_servers":[{"type":"url"}])"), "mcp_servers"},
        {with_content(R"([{"type":"document","source":{"type":"base64","data":"JVBE"}}])"),
         "messages[0].content[0].source.type"},
        {with_content(R"([{"type":"image","source":{"type":"file","file_id":"f"}}])"),
         "messages[0].content[0].source.type"},
        {with_content(R"([{"type":"container_upload","file_id":"f"}])"), "messages[0].content[0].type"},
        {with_content(R"([{"type":"server_tool_use","id":"s","name":"web_search","input":{}}])", "assistant"),
         "messages[0].content[0].type"},
    };
    for (const auto& [body, field] : refusals) {
        const auto request = decode_request(body);
        ASSERT_FALSE(request.has_value()) << body;
        EXPECT_EQ(request.error().code, Code::unsupported) << body;
        EXPECT_EQ(request.error().field, field) << body;
    }
    EXPECT_THAT(decode_request(refusals.front().first).error().message, HasSubstr("web_search_20250305"));
}

TEST(AnthropicRequest, SaysWhereJsonBreaks) {
    EXPECT_THAT(decode_request("{\n  \"model\": x\n}").error().message,
                HasSubstr("syntax error at line 2, column 12 (byte 13)"));
    EXPECT_THAT(decode_request("").error().message, HasSubstr("no body"));
    EXPECT_THAT(decode_request("[]").error().message, HasSubstr("the body is []; expected a JSON object"));
    std::string many = R"({"a":[)";
    for (int i = 0; i < 1'000'001; ++i) many += "0,";
    EXPECT_EQ(decode_request(many + "0]}").error().code, Code::too_large);
}

}  // namespace sarai::protocols::anthropic::anthropic_request_test
