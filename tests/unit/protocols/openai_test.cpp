#include "protocols/openai.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recordings.hpp"

namespace sarai::protocols::openai::openai_test {
namespace {

using llm::Task;
using protocols::test::object;
using protocols::test::recorded;
namespace json = boost::json;
using testing::HasSubstr;

std::string chat(std::string_view more) {
    return R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + std::string(more) + "}";
}

struct Refusal {
    Task task;
    std::string body;
    std::string field;
    std::string message;
};

// SSE as Ollama writes it: one data line an event.
std::vector<std::string> events_of(const sarai::test::RecordedExchange& exchange) {
    std::vector<std::string> all;
    for (const auto& line : exchange.lines())
        if (line.starts_with("data: ")) all.push_back(line.substr(6));
    return all;
}

}  // namespace

TEST(OpenAiRequest, PassesUnknownFieldsUntouched) {
    const auto body = chat(R"(,"stream":true,"min_p":0.1,"grammar":"root ::= \"a\"","nested":{"a":[1,null]})");
    const auto request = decode_request(Task::chat, body);
    ASSERT_TRUE(request.has_value()) << request.error().message;
    EXPECT_EQ(request->model, "m");
    EXPECT_TRUE(request->stream);
    EXPECT_EQ(request->body, object(body));
}

TEST(OpenAiRequest, TakesWhatClientsSend) {
    const std::vector<std::pair<Task, std::string>> accepted{
        {Task::chat, chat(R"(,"temperature":null,"max_tokens":6.0,"stop":null,"n":1,"seed":-5,"stop":["a","b"])")},
        {Task::chat, chat(R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto")")},
        {Task::chat, R"({"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[]}]})"},
        {Task::chat, R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},
                      {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},{"type":"input_audio"}]}]})"},
        {Task::completion, R"({"model":"m","prompt":"","max_tokens":0,"logprobs":3})"},
        {Task::completion, R"({"model":"m","prompt":[1,2,3]})"},
        {Task::completion, R"({"model":"m","prompt":["a","b"]})"},
        {Task::embedding, R"({"model":"m","input":[[1,2],[3]],"encoding_format":"base64","dimensions":64})"},
    };
    for (const auto& [task, body] : accepted) {
        const auto request = decode_request(task, body);
        EXPECT_TRUE(request.has_value()) << body << "\n" << request.error().message;
    }
}

TEST(OpenAiRequest, NamesFieldValueAndExpectationOfWhatIsWrong) {
    const std::vector<Refusal> refusals{
        {Task::chat, R"({"messages":[]})", "model", "'model' is missing; expected the name of a model"},
        {Task::chat, R"({"model":7})", "model", "'model' is 7; expected the name of a model"},
        {Task::chat, R"({"model":"m"})", "messages",
         "'messages' is missing; expected an array of at least one message"},
        {Task::chat, R"({"model":"m","messages":[]})", "messages", "'messages' is []"},
        {Task::chat, R"({"model":"m","messages":["x"]})", "messages[0]", R"('messages[0]' is "x"; expected an object)"},
        {Task::chat, R"({"model":"m","messages":[{"content":"x"}]})", "messages[0].role",
         "'messages[0].role' is missing"},
        {Task::chat, R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content", "is missing"},
        {Task::chat, R"({"model":"m","messages":[{"role":"user","content":5}]})", "messages[0].content", "is 5"},
        {Task::chat, R"({"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]})",
         "messages[0].content[0].text", "is missing; expected a string"},
        {Task::chat, chat(R"(,"temperature":5)"), "temperature", "'temperature' is 5; expected a number from 0 to 2"},
        {Task::chat, chat(R"(,"temperature":"hot")"), "temperature", R"('temperature' is "hot")"},
        {Task::chat, chat(R"(,"top_p":1.5)"), "top_p", "a number from 0 to 1"},
        {Task::chat, chat(R"(,"max_tokens":0)"), "max_tokens", "'max_tokens' is 0; expected an integer of at least 1"},
        {Task::chat, chat(R"(,"max_tokens":1.5)"), "max_tokens", "an integer"},
        {Task::chat, chat(R"(,"stream":"yes")"), "stream", R"('stream' is "yes"; expected true or false)"},
        {Task::chat, chat(R"(,"stop":[1])"), "stop", "'stop' is [1]; expected a string or an array of strings"},
        {Task::chat, chat(R"(,"n":0)"), "n", "an integer from 1 to 128"},
        {Task::chat, chat(R"(,"tools":{})"), "tools", "'tools' is {}; expected an array of objects"},
        {Task::chat, chat(R"(,"tools":[{"type":"function","function":{}}])"), "tools[0].function.name", "is missing"},
        {Task::chat, chat(R"(,"stream_options":{"include_usage":1})"), "stream_options.include_usage", "is 1"},
        {Task::completion, R"({"model":"m"})", "prompt", "'prompt' is missing"},
        {Task::completion, R"({"model":"m","prompt":[]})", "prompt", "'prompt' is []"},
        {Task::embedding, R"({"model":"m","input":[1,"a"]})", "input", R"('input' is [1,"a"])"},
        {Task::embedding, R"({"model":"m","input":"a","encoding_format":"hex"})", "encoding_format", R"("hex")"},
    };
    for (const auto& [task, body, field, message] : refusals) {
        const auto request = decode_request(task, body);
        ASSERT_FALSE(request.has_value()) << body;
        EXPECT_EQ(request.error().code, Code::invalid_argument);
        EXPECT_EQ(request.error().field, field) << body;
        EXPECT_THAT(request.error().message, HasSubstr(message));
    }
}

TEST(OpenAiRequest, SaysWhereJsonBreaks) {
    const auto incomplete = decode_request(Task::chat, recorded("64-err-v1-badjson").request_body);
    ASSERT_FALSE(incomplete.has_value());
    EXPECT_THAT(incomplete.error().message, HasSubstr("not valid JSON: incomplete JSON at line 1, column 10 (byte 9)"));
    const auto syntax = decode_request(Task::chat, "{\n  \"model\": x\n}");
    ASSERT_FALSE(syntax.has_value());
    EXPECT_THAT(syntax.error().message, HasSubstr("syntax error at line 2, column 12 (byte 13)"));
    EXPECT_FALSE(decode_request(Task::chat, "").has_value());
    EXPECT_FALSE(decode_request(Task::chat, "[]").has_value());
    EXPECT_FALSE(decode_request(Task::chat, std::string(100'000, '[')).has_value());
}

TEST(OpenAiRequest, IsSentWithTheServersNameForTheModel) {
    auto request = protocols::test::request_of(
        Task::chat, R"({"stream":true,"model":"mine","messages":[{"role":"user","content":"ñ\"\n"}],"x":[1,2.5]})");
    EXPECT_EQ(json::parse(encode_request(request, true, "theirs:7b")),
              json::parse(
                  R"({"stream":true,"model":"theirs:7b","messages":[{"role":"user","content":"ñ\"\n"}],"x":[1,2.5]})"));
    request.body["stream_options"] = json::object{{"include_usage", true}};
    const auto sent = json::parse(encode_request(request, false, "t")).as_object();
    EXPECT_EQ(sent.at("stream"), false);
    EXPECT_FALSE(sent.contains("stream_options"));
}

TEST(OpenAiError, HasOpenAisEnvelope) {
    EXPECT_EQ(
        encode_error({.code = Code::not_found, .message = "model 'x' not found", .hint = "Try y.", .field = "model"}),
        object(R"({"error":{"message":"model 'x' not found. Try y.","type":"not_found_error","param":"model",
                         "code":"model_not_found"}})"));
    EXPECT_EQ(
        encode_error({.code = Code::no_memory, .message = "too big"}),
        object(
            R"({"error":{"message":"too big","type":"overloaded_error","param":null,"code":"insufficient_memory"}})"));
    EXPECT_EQ(encode_error({.code = Code::invalid_argument, .message = "m", .field = "top_p"}).at("error").at("type"),
              "invalid_request_error");
    EXPECT_EQ(encode_error({.code = Code::unavailable, .message = "m"}).at("error").at("type"), "server_error");
    EXPECT_EQ(encode_error({.code = Code::unavailable, .message = "a\xff"}).at("error").at("message"), "a\xef\xbf\xbd");
}

TEST(OpenAiRequest, GoesOnAsTheClientWroteItWhereNothingHasToChange) {
    const auto sent = [](const std::string& body, bool stream, std::string_view model) {
        return encode_request(*decode_request(Task::chat, body), stream, model);
    };
    const auto streamed = chat(R"( , "stream": true, "stream_options": {}, "x": 1.50)");
    EXPECT_EQ(sent(streamed, true, "m"), streamed);
    EXPECT_EQ(json::parse(sent(streamed, true, "theirs")).at("model"), "theirs");
    EXPECT_FALSE(json::parse(sent(streamed, false, "m")).as_object().contains("stream_options"));
    const auto whole = chat(R"( , "x": 1)");
    EXPECT_EQ(sent(whole, false, "m"), whole);
    EXPECT_EQ(json::parse(sent(whole, true, "m")).at("stream"), true);
    EXPECT_EQ(json::parse(sent(chat(R"(,"stream":null)"), false, "m")).at("stream"), false);
    const auto twice = chat(R"(,"model":"other")");
    EXPECT_EQ(json::parse(sent(twice, false, "m")).at("model"), "m") << "the last of two names is the one asked for";
}

TEST(OpenAiReply, KeepsTheClientsNameOfTheModel) {
    for (const auto* name : {"25-v1-chat-nostream", "27-v1-completions", "31-v1-embeddings", "112-overload-v1-c1",
                             "115-overload-v1-cold-c1", "163-v1-chat-lfm2-tools"}) {
        const auto exchange = recorded(name);
        const auto reply = decode_reply(exchange.body, "mine");
        ASSERT_TRUE(reply.has_value()) << name << reply.error().message;
        auto expected = object(exchange.body);
        expected["model"] = "mine";
        EXPECT_EQ(*reply, expected) << name;
    }
}

TEST(OpenAiReply, ThatIsNoJsonIsQuotedInTheError) {
    const auto reply = decode_reply("<html>\n" + std::string(500, 'x'), "m");
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().code, Code::upstream);
    EXPECT_THAT(reply.error().message, HasSubstr("<html> xxx"));
    EXPECT_LT(reply.error().message.size(), 250U);
    EXPECT_EQ(decode_reply(R"({"error":{"message":"no","code":429}})", "m").error().code, Code::rate_limited);
}

TEST(OpenAiStream, EndsAtDone) {
    const auto exchange = recorded("26-v1-chat-stream");
    StreamDecoder decoder("mine");
    std::string text;
    std::string reason;
    std::optional<llm::Usage> usage;
    for (const auto& data : events_of(exchange)) {
        ASSERT_FALSE(decoder.ended());
        auto event = decoder.event("", data);
        ASSERT_TRUE(event.has_value()) << event.error().message;
        if (!event->has_value()) break;
        EXPECT_EQ((*event)->chunk().at("model"), "mine");
        text += llm::text_of(**event);
        if (const auto end = llm::finish_reason_of(**event); !end.empty()) reason = end;
        if (const auto seen = llm::usage_of((*event)->chunk())) usage = seen;
    }
    EXPECT_TRUE(decoder.ended());
    EXPECT_TRUE(decoder.close().has_value());
    EXPECT_EQ(text, "mrdezuxl");
    EXPECT_EQ(reason, "length");
    ASSERT_TRUE(usage.has_value());
    EXPECT_EQ(usage->completion_tokens, 4);
}

TEST(OpenAiStream, PassesAnEventThatNeedsNoChangeOnAsItCame) {
    const std::string data = R"({"choices": [{"index":0,"delta":{"content":"\u00f1"}}], "model":"m"})";
    std::string same;
    append_event(same, **StreamDecoder("m").event("", data));
    EXPECT_EQ(same, "data: " + data + "\n\n");
    std::string renamed;
    append_event(renamed, **StreamDecoder("mine").event("", data));
    EXPECT_THAT(renamed, HasSubstr(R"("model":"mine")"));
    // Line ends are white space in JSON and the end of a field in an event stream.
    std::string folded;
    append_event(folded, **StreamDecoder("m").event("", "{\"choices\":[],\n\"model\":\r\"m\"}"));
    EXPECT_EQ(folded, "data: {\"choices\":[],\"model\":\"m\"}\n\n");
}

TEST(OpenAiStream, ParsesNoChunkThatDiffersFromTheLastInItsTextOnly) {
    StreamDecoder decoder("m");
    const auto chunk = [](std::string_view text, std::string_view end = "null") {
        return fmt::format(R"({{"choices":[{{"finish_reason":{},"index":0,"delta":{{"content":"{}"}}}}],"model":"m"}})",
                           end, text);
    };
    const auto only_text = [&](const std::string& data) {
        const auto event = decoder.event("", data);
        EXPECT_TRUE(event.has_value()) << event.error().message;
        EXPECT_EQ((*event)->text(), data);
        return (*event)->is_only_text();
    };
    EXPECT_FALSE(only_text(chunk("a"))) << "nothing is known before the first";
    EXPECT_TRUE(only_text(chunk("b c")));
    EXPECT_EQ(llm::text_of(**decoder.event("", chunk("b c"))), "b c");
    EXPECT_FALSE(only_text(chunk("")));
    EXPECT_TRUE(only_text(chunk("d"))) << "an empty text breaks no mould";
    EXPECT_FALSE(only_text(chunk(R"(\u00f1)")));
    EXPECT_TRUE(only_text(chunk("e")));
    EXPECT_FALSE(decoder.event("", chunk("\n")).has_value()) << "what is no JSON is found";
    EXPECT_FALSE(decoder.event("", chunk("\xff")).has_value());
    EXPECT_FALSE(only_text(chunk("f", R"("stop")")));
    EXPECT_TRUE(decoder.close().has_value()) << "the end was seen";
    EXPECT_FALSE(only_text(chunk("g", R"("stop")"))) << "an end is more than text";
    EXPECT_EQ(decoder.event("", R"({"error":{"code":429}})").error().code, Code::rate_limited);
}

TEST(OpenAi, LargeEmbeddingRequestsGoInPartsAndComeBackAsOne) {
    auto request = decode_request(llm::Task::embedding, R"({"model":"e","input":["a","b","c"],"dimensions":8})");
    ASSERT_TRUE(request.has_value());
    EXPECT_THAT(encode_in_parts(*request, "m", 3), testing::ElementsAre(encode_request(*request, false, "m")));
    EXPECT_THAT(encode_in_parts(*request, "m", 2),
                testing::ElementsAre(R"({"model":"m","dimensions":8,"input":["a","b"]})",
                                     R"({"model":"m","dimensions":8,"input":["c"]})"));
    const auto tokens = decode_request(llm::Task::embedding, R"({"model":"e","input":[1,2,3]})");
    EXPECT_EQ(encode_in_parts(*tokens, "m", 2).size(), 1U) << "one input of three tokens";

    auto first = boost::json::parse(
        R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[2]}],"usage":{"prompt_tokens":5,"total_tokens":5}})");
    auto second =
        boost::json::parse(R"({"data":[{"index":0,"embedding":[3]}],"usage":{"prompt_tokens":2,"total_tokens":2}})");
    append_part(first.as_object(), std::move(second.as_object()));
    EXPECT_EQ(
        boost::json::serialize(first),
        R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[2]},{"index":2,"embedding":[3]}],"usage":{"prompt_tokens":7,"total_tokens":7}})");
}

TEST(OpenAi, AddsCountsThatNobodyCanHaveCountedWithoutOverflow) {
    const auto absurd = boost::json::parse(R"({"data":[],"usage":{"prompt_tokens":9223372036854775807}})").as_object();
    auto reply = absurd;
    append_part(reply, absurd);
    EXPECT_EQ(reply.at("usage").at("prompt_tokens"), std::int64_t{1} << 54U);
}

TEST(OpenAi, RefusesWhatWouldGrowManyTimesWhenParsed) {
    std::string body = R"({"model":"e","input":[)";
    for (int i = 0; i < 1'000'000; ++i) body += "1,";
    body += "1]}";
    EXPECT_EQ(decode_request(llm::Task::embedding, body).error().code, Code::too_large);
    std::string nested = R"({"model":"e","input":"a","x":[)";
    for (int i = 0; i < 20'000; ++i) nested += (i > 0 ? "," : "") + std::string(100, '[') + std::string(100, ']');
    EXPECT_EQ(decode_request(llm::Task::embedding, nested + "]}").error().code, Code::too_large);
    const std::string text(3'000'000, ',');
    EXPECT_TRUE(decode_request(llm::Task::embedding, R"({"model":"e","input":"\")" + text + "\"}").has_value());
    std::string many = R"({"model":"e","input":["a")";
    for (int i = 0; i < 2048; ++i) many += R"(,"a")";
    const auto refused = decode_request(llm::Task::embedding, many + "]}");
    EXPECT_EQ(refused.error().field, "input");
    EXPECT_THAT(refused.error().message, HasSubstr("has 2049 elements; expected at most 2048"));
}

TEST(OpenAiStream, LearnsFromTheChunkThatOpensAnAnswerHowTheNextWillLook) {
    const auto chunk = [](std::string_view delta) {
        return fmt::format(R"({{"choices":[{{"finish_reason":null,"index":0,"delta":{}}}],"model":"m"}})", delta);
    };
    StreamDecoder decoder("m");
    const auto opening = decoder.event("", chunk(R"({"role":"assistant","content":null})"));
    ASSERT_TRUE(opening.has_value());
    EXPECT_FALSE((*opening)->is_only_text());
    const auto empty = decoder.event("", chunk(R"({"content":""})"));
    ASSERT_TRUE(empty.has_value());
    EXPECT_FALSE((*empty)->is_only_text()) << "no text is no output";
    const auto first = decoder.event("", chunk(R"({"content":"Hi"})"));
    ASSERT_TRUE(first.has_value());
    EXPECT_TRUE((*first)->is_only_text());
    EXPECT_EQ(llm::text_of(**first), "Hi");
    EXPECT_FALSE((*decoder.event("", chunk(R"({"reasoning_content":"Hm"})")))->is_only_text());

    StreamDecoder renaming("mine");
    ASSERT_TRUE(renaming.event("", chunk(R"({"role":"assistant","content":null})")).has_value());
    EXPECT_FALSE((*renaming.event("", chunk(R"({"content":"Hi"})")))->is_only_text()) << "the name is to be changed";
}

TEST(OpenAiStream, MistakesNoOtherContentForItsText) {
    StreamDecoder decoder("m");
    const std::string twice =
        R"({"model":"m","choices":[{"index":0,"delta":{"content": "a"}}],"note":{"content":"b"}})";
    ASSERT_TRUE(decoder.event("", twice).has_value());
    EXPECT_FALSE((*decoder.event("", twice))->is_only_text());
    const std::string usage =
        R"({"model":"m","choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}})";
    ASSERT_TRUE(decoder.event("", usage).has_value());
    EXPECT_FALSE((*decoder.event("", usage))->is_only_text());

    const auto beside = [](std::string_view delta) {
        return fmt::format(R"({{"model":"m","note":{{"delta":{}}},"choices":[{{"index":0,"delta":{{}}}}]}})", delta);
    };
    StreamDecoder another("m");
    ASSERT_TRUE(another.event("", beside(R"({"role":"assistant","content":null})")).has_value());
    EXPECT_FALSE((*another.event("", beside(R"({"content":"a"})")))->is_only_text());
}

TEST(OpenAiStream, ReadsAChunkOfTheMouldHoweverDeepItIs) {
    const auto chunk = [](std::string_view text) {
        return fmt::format(R"({{"model":"m","note":{}{},"choices":[{{"index":0,"delta":{{"content":"{}"}}}}]}})",
                           std::string(60, '['), std::string(60, ']'), text);
    };
    StreamDecoder decoder("m");
    ASSERT_TRUE(decoder.event("", chunk("a")).has_value());
    const auto second = decoder.event("", chunk("b"));
    ASSERT_TRUE(second.has_value());
    EXPECT_TRUE((*second)->is_only_text());
    EXPECT_EQ(llm::text_of(**second), "b");
}

TEST(OpenAiStream, ThatClosesCleanlyWithoutAFinishReasonIsADeadServer) {
    StreamDecoder decoder("m");
    for (const auto& data : events_of(recorded("120-runnerkill-v1"))) {
        const auto event = decoder.event("", data);
        ASSERT_TRUE(event.has_value()) << event.error().message;
    }
    EXPECT_FALSE(decoder.ended());
    const auto closed = decoder.close();
    ASSERT_FALSE(closed.has_value());
    EXPECT_EQ(closed.error().code, Code::unavailable);
    EXPECT_THAT(closed.error().message, HasSubstr("in the middle of its answer"));
    EXPECT_THAT(StreamDecoder("m").close().error().message, HasSubstr("before its answer began"));
}

TEST(OpenAiStream, MayEndWithAFinishReasonAlone) {
    StreamDecoder decoder("m");
    const auto send = [&](const char* data) { return decoder.event("", data).has_value(); };
    ASSERT_TRUE(send(R"({"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]})"));
    ASSERT_TRUE(send(R"({"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":null}]})"));
    ASSERT_TRUE(send(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"));
    EXPECT_FALSE(decoder.close().has_value()) << "the second choice is still open";
    ASSERT_TRUE(send(R"({"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]})"));
    EXPECT_TRUE(decoder.close().has_value());
}

TEST(OpenAiStream, GivesOnTheServersErrors) {
    StreamDecoder decoder("m");
    const auto object = decoder.event("", R"({"error":{"code":400,"message":"context exceeded"}})");
    ASSERT_FALSE(object.has_value());
    EXPECT_EQ(object.error().code, Code::invalid_argument);
    EXPECT_EQ(object.error().message, "context exceeded");
    const auto named = decoder.event("error", R"({"message":"slot lost"})");
    ASSERT_FALSE(named.has_value());
    EXPECT_EQ(named.error().code, Code::upstream);
    const auto garbage = decoder.event("", "{\"choices\":[{\"delta\"");
    ASSERT_FALSE(garbage.has_value());
    EXPECT_EQ(garbage.error().code, Code::upstream);
    EXPECT_THAT(garbage.error().message, HasSubstr(R"({"choices":[{"delta")"));
}

}  // namespace sarai::protocols::openai::openai_test
