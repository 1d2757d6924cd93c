#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocols/responses.hpp"
#include "recordings.hpp"

namespace sarai::protocols::responses::responses_request_test {
namespace {

using protocols::test::object;
namespace json = boost::json;
using testing::HasSubstr;

std::shared_ptr<const Kept> nothing(std::string_view /*id*/) { return nullptr; }

// resp_old: a user's question and the call that answers it.
std::shared_ptr<const Kept> one_call(std::string_view id) {
    if (id != "resp_old") return nullptr;
    return std::make_shared<const Kept>(Kept{
        .response = R"({"id":"resp_old","output":[{"id":"fc_old_0","type":"function_call","call_id":"c","name":"f",
                                                   "arguments":"{}"}]})",
        .input = R"([{"id":"msg_old_i0","type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}])",
        .messages = R"([{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[
                       {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}])"});
}

Result<Decoded> decode(std::string_view body, const Find& find = nothing) {
    return decode_request(body, {.id = "resp_a1", .created_at = 1700000000}, find);
}

std::string with(std::string_view more) { return fmt::format(R"({{"model":"m","input":"hi"{}}})", more); }

json::object body_of(std::string_view text, const Find& find = nothing) {
    const auto decoded = decode(text, find);
    EXPECT_TRUE(decoded.has_value()) << text << "\n" << decoded.error().message;
    return decoded ? decoded->request.body : json::object{};
}

json::array messages_of(std::string_view input, std::string_view more = "", const Find& find = nothing) {
    auto body = body_of(fmt::format(R"({{"model":"m","input":{}{}}})", input, more), find);
    return body.contains("messages") ? body["messages"].as_array() : json::array{};
}

}  // namespace

TEST(ResponsesRequest, BecomesAChat) {
    const auto decoded = decode(with(""));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->request.task, llm::Task::chat);
    EXPECT_EQ(decoded->request.model, "m");
    EXPECT_FALSE(decoded->request.stream);
    EXPECT_TRUE(decoded->request.text.empty());
    EXPECT_EQ(decoded->request.body,
              object(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false})"));
    const auto& context = decoded->context;
    EXPECT_EQ(context.id, "resp_a1");
    EXPECT_EQ(context.created_at, 1700000000);
    EXPECT_TRUE(context.store);
    EXPECT_EQ(context.input, json::parse(R"([{"id":"msg_a1_i0","type":"message","role":"user","status":"completed",
                                              "content":[{"type":"input_text","text":"hi"}]}])"));
    EXPECT_EQ(context.messages, decoded->request.body.at("messages"));
}

TEST(ResponsesRequest, AsksForUsageOfAStreamAndPassesUnknownFieldsUntouched) {
    EXPECT_EQ(body_of(with(R"(,"stream":true,"stream_options":{"include_obfuscation":true},"min_p":0.1,"x":{"a":[1]},
                              "messages":7)")),
              object(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,
                         "stream_options":{"include_usage":true},"min_p":0.1,"x":{"a":[1]}})"));
}

TEST(ResponsesRequest, TranslatesOptions) {
    struct Case {
        std::string given;
        std::string expected;
    };
    const std::vector<Case> cases{
        {R"("max_output_tokens":7.0)", R"("max_tokens":7)"},
        {R"("temperature":0.5,"top_p":1,"user":"u")", R"("temperature":0.5,"top_p":1,"user":"u")"},
        {R"("metadata":{"a":"b"},"truncation":"auto","store":true,"background":false,"include":[])", ""},
        {R"("include":["reasoning.encrypted_content"],"max_tool_calls":2)", ""},
        {R"("include":["message.output_text.logprobs"])", R"("logprobs":true)"},
        {R"("top_logprobs":3)", R"("logprobs":true,"top_logprobs":3)"},
        {R"("reasoning":{"effort":"low","summary":"auto"})", R"("reasoning_effort":"low")"},
        {R"("reasoning":{"effort":null},"instructions":null,"previous_response_id":null)", ""},
        {R"("text":{"format":{"type":"text"},"verbosity":"low"})", R"("verbosity":"low")"},
        {R"("text":{"format":{"type":"json_object"}})", R"("response_format":{"type":"json_object"})"},
        {R"("text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}})",
         R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},
                                                                   "strict":true}})"},
        {R"("tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true}],
            "parallel_tool_calls":false,"tool_choice":"required")",
         R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},
                      "strict":true}}],"parallel_tool_calls":false,"tool_choice":"required")"},
        {R"("tools":[{"type":"function","name":"f","parameters":null}],"tool_choice":{"type":"function","name":"f"})",
         R"("tools":[{"type":"function","function":{"name":"f"}}],
            "tool_choice":{"type":"function","function":{"name":"f"}})"},
        {R"("tools":[],"tool_choice":"auto","parallel_tool_calls":true)", ""},
    };
    for (const auto& [given, expected] : cases) {
        const auto base = R"("model":"m","messages":[{"role":"user","content":"hi"}],"stream":false)";
        const auto all = fmt::format("{{{}{}{}}}", base, expected.empty() ? "" : ",", expected);
        EXPECT_EQ(body_of(with("," + given)), object(all)) << given;
    }
}

TEST(ResponsesRequest, MakesMessagesOfItems) {
    struct Case {
        std::string input;
        std::string messages;
    };
    const std::vector<Case> cases{
        {R"([{"role":"user","content":"ñ 😀"}])", R"([{"role":"user","content":"ñ 😀"}])"},
        {R"([{"type":"message","role":"developer","content":[{"type":"input_text","text":"d"}]},
             {"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]}])",
         R"([{"role":"system","content":"d"},
             {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])"},
        {R"([{"role":"user","content":[]}])", R"([{"role":"user","content":""}])"},
        {R"([{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"low"},
                                       {"type":"input_image","image_url":"https://h/p.png","detail":"auto"},
                                       {"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]}])",
         R"([{"role":"user","content":[
              {"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}},
              {"type":"image_url","image_url":{"url":"https://h/p.png"}},
              {"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]}])"},
        // What an assistant does in a row is one message.
        {R"([{"role":"user","content":"q"},
             {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"not this"}],
              "content":[{"type":"reasoning_text","text":"hm"}]},
             {"type":"reasoning","summary":[{"type":"summary_text","text":"so"}],"encrypted_content":"x"},
             {"type":"message","role":"assistant","status":"completed","content":[
               {"type":"output_text","text":"let me ","annotations":[]},{"type":"refusal","refusal":"see"}]},
             {"type":"function_call","call_id":"a","name":"f","arguments":"{\"x\":1}"},
             {"type":"function_call","call_id":"b","name":"g","arguments":""},
             {"type":"function_call_output","call_id":"b","output":"B"},
             {"type":"function_call_output","call_id":"a","output":[{"type":"input_text","text":"A"}]},
             {"role":"assistant","content":"one"},{"role":"assistant","content":"two"}])",
         R"([{"role":"user","content":"q"},
             {"role":"assistant","content":"let me see","reasoning_content":"hm\n\nso","tool_calls":[
               {"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
               {"id":"b","type":"function","function":{"name":"g","arguments":""}}]},
             {"role":"tool","tool_call_id":"b","content":"B"},{"role":"tool","tool_call_id":"a","content":"A"},
             {"role":"assistant","content":"one\n\ntwo"}])"},
        // What only its maker can read is left out.
        {R"([{"role":"user","content":"q"},{"type":"reasoning","summary":[],"encrypted_content":"x"},
             {"role":"user","content":"r"}])",
         R"([{"role":"user","content":"q"},{"role":"user","content":"r"}])"},
    };
    for (const auto& [input, messages] : cases) EXPECT_EQ(messages_of(input), json::parse(messages)) << input;
}

TEST(ResponsesRequest, GoesOnWithWhatIsKept) {
    const auto with_output = R"([{"type":"function_call_output","call_id":"c","output":"42"}])";
    const auto body = fmt::format(
        R"({{"model":"m","previous_response_id":"resp_old","instructions":"be brief","input":{}}})", with_output);
    const auto decoded = decode(body, one_call);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    const auto call = R"({"role":"assistant","content":"","tool_calls":[
                          {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]})";
    const auto rest =
        fmt::format(R"({{"role":"user","content":"q"}},{},{{"role":"tool","tool_call_id":"c","content":"42"}})", call);
    EXPECT_EQ(decoded->request.body.at("messages"),
              json::parse(fmt::format(R"([{{"role":"system","content":"be brief"}},{}])", rest)));
    // Instructions hold for one response alone.
    EXPECT_EQ(decoded->context.messages, json::parse("[" + rest + "]"));
    EXPECT_EQ(decoded->context.input,
              json::parse(R"([{"type":"function_call_output","call_id":"c","output":"42","id":"fco_a1_i0",
                               "status":"completed"}])"));
    EXPECT_EQ(decoded->context.echo.at("previous_response_id"), "resp_old");
}

TEST(ResponsesRequest, FindsItemsThatAreReferredTo) {
    EXPECT_EQ(messages_of(R"([{"type":"item_reference","id":"msg_old_i0"},{"id":"fc_old_0"},
                              {"type":"function_call_output","call_id":"c","output":"42"}])",
                          "", one_call),
              json::parse(R"([{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[
                              {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
                              {"role":"tool","tool_call_id":"c","content":"42"}])"));
    for (const auto* id : {"msg_old_7", "msg_other_0", "msg_", "x", ""}) {
        const auto decoded = decode(fmt::format(R"({{"model":"m","input":[{{"id":"{}"}}]}})", id), one_call);
        ASSERT_FALSE(decoded.has_value()) << id;
        EXPECT_EQ(decoded.error().code, Code::not_found);
        EXPECT_EQ(decoded.error().field, "input[0].id");
    }
    // A few bytes each, they could grow without end.
    const auto twice = decode(R"({"model":"m","input":[{"id":"msg_old_i0"},{"id":"msg_old_i0"}]})", one_call);
    ASSERT_FALSE(twice.has_value());
    EXPECT_EQ(twice.error().field, "input[1].id");
}

TEST(ResponsesRequest, KeepsInstructionsAndTheFirstSystemMessageTogether) {
    EXPECT_EQ(
        messages_of(R"([{"role":"developer","content":"d"},{"role":"user","content":"q"}])", R"(,"instructions":"i")"),
        json::parse(R"([{"role":"system","content":"i\n\nd"},{"role":"user","content":"q"}])"));
    EXPECT_EQ(messages_of(R"("q")", R"(,"instructions":"")"), json::parse(R"([{"role":"user","content":"q"}])"));
}

TEST(ResponsesRequest, RepeatsInTheResponseWhatWasAsked) {
    EXPECT_EQ(decode(with(""))->context.echo,
              object(R"({"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"parallel_tool_calls":true,
                         "previous_response_id":null,"prompt_cache_key":null,
                         "reasoning":{"effort":null,"summary":null},"safety_identifier":null,"store":true,
                         "temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],
                         "top_logprobs":null,"top_p":null,"truncation":"disabled","user":null,"metadata":{}})"));
    const auto echo =
        decode(with(R"(,"store":false,"text":{"verbosity":"low"},"metadata":{"k":"v"},"top_p":0.5)"))->context;
    EXPECT_FALSE(echo.store);
    EXPECT_TRUE(echo.input.empty());
    EXPECT_TRUE(echo.messages.empty());
    EXPECT_EQ(echo.echo.at("store"), false);
    EXPECT_EQ(echo.echo.at("text"), object(R"({"verbosity":"low","format":{"type":"text"}})"));
    EXPECT_EQ(echo.echo.at("metadata"), object(R"({"k":"v"})"));
    EXPECT_EQ(echo.echo.at("top_p"), 0.5);
}

TEST(ResponsesRequest, ListsItemsWhole) {
    const auto decoded = decode(R"({"model":"m","input":[
        {"role":"assistant","content":"a"},{"role":"user","content":[{"type":"input_image","image_url":"data:x"}]},
        {"type":"reasoning","content":[{"type":"reasoning_text","text":"t"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}","id":"mine"}]})");
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    EXPECT_EQ(decoded->context.input, json::parse(R"([
        {"role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}],"type":"message",
         "id":"msg_a1_i0","status":"completed"},
        {"role":"user","content":[{"type":"input_image","image_url":"data:x","detail":"auto"}],"type":"message",
         "id":"msg_a1_i1","status":"completed"},
        {"type":"reasoning","content":[{"type":"reasoning_text","text":"t"}],"id":"rs_a1_i2","summary":[]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}","id":"mine","status":"completed"}])"));
}

TEST(ResponsesRequest, NamesFieldValueAndExpectationOfWhatIsWrong) {
    struct Refusal {
        std::string body;
        std::string field;
        std::string message;
        Code code = Code::invalid_argument;
    };
    const auto input = [](std::string_view items) { return fmt::format(R"({{"model":"m","input":{}}})", items); };
    const auto part = [&](std::string_view one, std::string_view role = "user") {
        return input(fmt::format(R"([{{"role":"{}","content":[{}]}}])", role, one));
    };
    const std::vector<Refusal> refusals{
        {R"({"input":"a"})", "model", "'model' is missing; expected the name of a model"},
        {R"({"model":"m"})", "input", "'input' is missing; expected a string or an array of at least one item"},
        {input("[]"), "input", "'input' is []"},
        {input("5"), "input", "'input' is 5"},
        {input("[5]"), "input[0]", "'input[0]' is 5; expected an object"},
        {input("[{}]"), "input[0].type", "is missing; expected a string such as \"message\""},
        {input(R"([{"type":7,"role":"user"}])"), "input[0].type", "is 7"},
        {input(R"([{"role":"robot","content":"a"}])"), "input[0].role", R"("robot"; expected user, assistant)"},
        {input(R"([{"role":"user"}])"), "input[0].content", "is missing; expected a string or an array of parts"},
        {part("5"), "input[0].content[0]", "is 5; expected an object with a type"},
        {part("{}"), "input[0].content[0].type", "is missing"},
        {part(R"({"type":"input_text"})"), "input[0].content[0].text", "is missing; expected a string"},
        {part(R"({"type":"input_image","image_url":"ftp://x"})"), "input[0].content[0].image_url", "begins with data:"},
        {part(R"({"type":"input_image","file_id":"f1"})"), "input[0].content[0].file_id", "\"f1\", which is not",
         Code::unsupported},
        {part(R"({"type":"input_audio","input_audio":{}})"), "input[0].content[0].input_audio", "is {}"},
        {part(R"({"type":"input_file","file_id":"f"})"), "input[0].content[0].type", R"("input_file", which is not)",
         Code::unsupported},
        {part(R"({"type":"input_image","image_url":"data:x"})", "assistant"), "input[0].content[0].type",
         "what an assistant said"},
        {input(R"([{"type":"web_search_call","id":"w"}])"), "input[0].type", R"("web_search_call", which is not)",
         Code::unsupported},
        {input(R"([{"type":"reasoning","summary":"x"}])"), "input[0].summary", "an array of objects"},
        {input(R"([{"type":"reasoning","content":[1]}])"), "input[0].content", "an array of objects"},
        {input(R"([{"type":"function_call","name":"f","arguments":""}])"), "input[0].call_id", "is missing"},
        {input(R"([{"type":"function_call","call_id":"c","arguments":""}])"), "input[0].name", "is missing"},
        {input(R"([{"type":"function_call","call_id":"c","name":"f","arguments":{}}])"), "input[0].arguments", "is {}"},
        {input(R"([{"type":"function_call_output","call_id":"c","output":"x"}])"), "input[0].call_id",
         R"('input[0].call_id' is "c"; expected the call_id of a function_call before it)"},
        {input(R"([{"type":"function_call","call_id":"c","name":"f","arguments":""},
                   {"type":"function_call_output","call_id":"c","output":5}])"),
         "input[1].output", "is 5"},
        {with(R"(,"instructions":5)"), "instructions", "'instructions' is 5; expected a string"},
        {with(R"(,"max_output_tokens":0)"), "max_output_tokens", "an integer of at least 1"},
        {with(R"(,"temperature":3)"), "temperature", "a number from 0 to 2"},
        {with(R"(,"top_logprobs":21)"), "top_logprobs", "an integer from 0 to 20"},
        {with(R"(,"store":"no")"), "store", R"('store' is "no"; expected true or false)"},
        {with(R"(,"include":[1])"), "include", "an array of strings"},
        {with(R"(,"metadata":[])"), "metadata", "an object"},
        {with(R"(,"metadata":{"a":1})"), "metadata.a", "'metadata.a' is 1; expected a string"},
        {with(R"(,"truncation":"middle")"), "truncation", R"(expected "auto" or "disabled")"},
        {with(R"(,"reasoning":"high")"), "reasoning", "an object"},
        {with(R"(,"reasoning":{"effort":3})"), "reasoning.effort", "'reasoning.effort' is 3"},
        {with(R"(,"text":{"format":"json"})"), "text.format", "an object with a type"},
        {with(R"(,"text":{"format":{"type":"xml"}})"), "text.format.type", R"("xml")"},
        {with(R"(,"text":{"format":{"type":"json_schema","name":"n"}})"), "text.format.schema", "a JSON schema"},
        {with(R"(,"text":{"format":{"type":"json_schema","schema":{}}})"), "text.format.name", "a name"},
        {with(R"(,"text":{"verbosity":1})"), "text.verbosity", "is 1"},
        {with(R"(,"tools":{})"), "tools", "an array of objects"},
        {with(R"(,"tools":[{}])"), "tools[0].type", "is missing"},
        {with(R"(,"tools":[{"type":"function"}])"), "tools[0].name", "is missing; expected a function's name"},
        {with(R"(,"tools":[{"type":"function","name":"f","parameters":"p"}])"), "tools[0].parameters", "JSON schema"},
        {with(R"(,"tool_choice":"any")"), "tool_choice", R"('tool_choice' is "any"; expected "auto", "none")"},
        {with(R"(,"tool_choice":5)"), "tool_choice", "is 5"},
        {with(R"(,"tool_choice":"required")"), "tool_choice", "where there are no tools"},
        {with(R"(,"tool_choice":{"type":"function","name":"g"},"tools":[{"type":"function","name":"f"}])"),
         "tool_choice.name", R"('tool_choice.name' is "g"; expected the name of one of the tools)"},
        {with(R"(,"tool_choice":{"type":"allowed_tools","mode":"auto"})"), "tool_choice.type", R"("allowed_tools")",
         Code::unsupported},
        {with(R"(,"background":true)"), "background", "'background' is not supported here", Code::unsupported},
        {with(R"(,"conversation":"conv_1")"), "conversation", "previous_response_id", Code::unsupported},
        {with(R"(,"prompt":{"id":"p"})"), "prompt", "no stored prompt templates", Code::unsupported},
        {with(R"(,"previous_response_id":"resp_x")"), "previous_response_id", "response 'resp_x' is not kept here",
         Code::not_found},
    };
    for (const auto& [body, field, message, code] : refusals) {
        const auto decoded = decode(body);
        ASSERT_FALSE(decoded.has_value()) << body;
        EXPECT_EQ(decoded.error().code, code) << body;
        EXPECT_EQ(decoded.error().field, field) << body;
        EXPECT_THAT(decoded.error().message, HasSubstr(message)) << body;
    }
    for (const auto* tool : {"web_search", "web_search_preview", "file_search", "computer_use_preview",
                             "code_interpreter", "mcp", "image_generation", "local_shell", "custom"}) {
        const auto decoded = decode(with(fmt::format(R"(,"tools":[{{"type":"{}"}}])", tool)));
        ASSERT_FALSE(decoded.has_value()) << tool;
        EXPECT_EQ(decoded.error().code, Code::unsupported);
        EXPECT_EQ(decoded.error().field, "tools[0].type");
        EXPECT_THAT(decoded.error().message, HasSubstr(tool));
    }
}

TEST(ResponsesRequest, SaysWhereJsonBreaks) {
    const auto broken = decode("{\n  \"model\": x\n}");
    ASSERT_FALSE(broken.has_value());
    EXPECT_THAT(broken.error().message, HasSubstr("syntax error at line 2, column 12 (byte 13)"));
    EXPECT_THAT(decode("").error().message, HasSubstr("no body"));
    EXPECT_THAT(decode("[]").error().message, HasSubstr("the body is []; expected a JSON object"));
    std::string many = R"({"model":"m","input":[)";
    for (int i = 0; i < 1'000'001; ++i) many += "1,";
    EXPECT_EQ(decode(many).error().code, Code::too_large);
}

}  // namespace sarai::protocols::responses::responses_request_test
