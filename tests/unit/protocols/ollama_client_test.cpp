#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocols/ollama.hpp"
#include "recordings.hpp"

namespace sarai::protocols::ollama::ollama_client_test {
namespace {

namespace json = boost::json;
using llm::Task;
using protocols::test::object;
using protocols::test::recorded;
using protocols::test::request_of;
using testing::HasSubstr;

json::value sent(Task task, std::string_view body, Defaults defaults = {.model = "theirs"}) {
    const auto request = request_of(task, body);
    const auto encoded = encode_request(request, request.stream, defaults);
    return encoded ? json::parse(*encoded) : json::value(encoded.error().message);
}

struct Streamed {
    std::string text;
    std::string thinking;
    std::vector<json::object> chunks;
    std::optional<Error> error;
    bool proper_end = false;
};

Streamed decode(const std::vector<std::string>& lines, ReplyContext context) {
    Streamed out;
    StreamDecoder decoder(std::move(context));
    std::vector<llm::StreamEvent> events;
    for (const auto& line : lines)
        if (auto decoded = decoder.line(line, events); !decoded) {
            out.error = decoded.error();
            break;
        }
    for (auto& event : events) {
        out.text += llm::text_of(event);
        out.chunks.push_back(event.chunk());
    }
    const auto closed = decoder.close();
    out.proper_end = closed.has_value();
    if (!out.error && !closed) out.error = closed.error();
    return out;
}

ReplyContext context(Task task, bool include_usage = false) {
    return {.task = task, .id = "chatcmpl-1", .model = "mine", .created = 7, .include_usage = include_usage};
}

Task task_of(const std::string& path) {
    return path == "/api/embed" ? Task::embedding : path == "/api/generate" ? Task::completion : Task::chat;
}

}  // namespace

TEST(OllamaRequest, PutsSamplingIntoOptions) {
    EXPECT_EQ(
        sent(Task::chat, R"({"messages":[{"role":"user","content":"hi"}],"stream":true,"temperature":0.5,"top_p":0.9,
                    "top_k":40,"min_p":0.1,"seed":1,"stop":"a","max_tokens":6,"frequency_penalty":0.1,
                    "presence_penalty":0.2,"repeat_penalty":1.1,"user":"u","n":1,"logprobs":true,"options":{"mirostat":1}})"),
        json::parse(R"({"model":"theirs","messages":[{"role":"user","content":"hi"}],"stream":true,"logprobs":true,
                    "options":{"temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.1,"seed":1,"stop":["a"],"num_predict":6,
                    "frequency_penalty":0.1,"presence_penalty":0.2,"repeat_penalty":1.1,"mirostat":1}})"));
}

TEST(OllamaRequest, TakesContextFromTheConfigurationAndKeepAliveUnlessItSaysItItself) {
    const Defaults defaults{.model = "theirs", .num_ctx = 2048, .keep_alive = "-1"};
    EXPECT_EQ(sent(Task::embedding, R"({"input":["a","b"],"dimensions":8,"encoding_format":"base64"})", defaults),
              json::parse(
                  R"({"model":"theirs","input":["a","b"],"dimensions":8,"keep_alive":-1,"options":{"num_ctx":2048}})"));
    EXPECT_EQ(
        sent(Task::completion, R"({"prompt":"p","num_ctx":512,"keep_alive":"5m","max_completion_tokens":3})", defaults),
        json::parse(R"({"model":"theirs","prompt":"p","raw":true,"stream":false,"keep_alive":"5m",
                    "options":{"num_ctx":2048,"num_predict":3}})"));
    EXPECT_EQ(sent(Task::completion, R"({"prompt":"p","suffix":"s"})", {.model = "theirs"}),
              json::parse(R"({"model":"theirs","prompt":"p","suffix":"s","stream":false})"));
    EXPECT_EQ(context_wanted(json::parse(R"({"num_ctx":512})").as_object()), 512);
    EXPECT_EQ(context_wanted(json::parse(R"({"options":{"num_ctx":1e12}})").as_object()), 1 << 24);
    EXPECT_EQ(context_wanted(json::parse(R"({"num_ctx":-1})").as_object()), std::nullopt);
    EXPECT_EQ(sent(Task::completion, R"({"prompt":"p","num_ctx":512})", {.model = "theirs"}),
              json::parse(R"({"model":"theirs","prompt":"p","raw":true,"stream":false,"options":{"num_ctx":512}})"));
}

TEST(OllamaRequest, TranslatesMessages) {
    EXPECT_EQ(sent(Task::chat, R"({"messages":[
        {"role":"developer","content":"be brief"},
        {"role":"user","content":[{"type":"text","text":"what"},{"type":"text","text":"is it"},
                                  {"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]},
        {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
            {"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":[1,2]}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"a cat"}],
        "tools":[{"type":"function","function":{"name":"look"}}],"tool_choice":"auto"})"),
              json::parse(R"({"model":"theirs","stream":false,"messages":[
        {"role":"system","content":"be brief"},
        {"role":"user","content":"what\nis it","images":["QUJD"]},
        {"role":"assistant","content":"","thinking":"hm","tool_calls":[
            {"id":"c1","function":{"name":"look","arguments":{"at":[1,2]}}}]},
        {"role":"tool","tool_call_id":"c1","tool_name":"look","content":"a cat"}],
        "tools":[{"type":"function","function":{"name":"look"}}]})"));
}

TEST(OllamaRequest, TranslatesFormatsAndThinking) {
    const auto member = [](std::string_view body, std::string_view key) {
        const auto value = sent(Task::chat, body);
        const auto* found = value.as_object().if_contains(key);
        return found == nullptr ? std::string("absent") : json::serialize(*found);
    };
    EXPECT_EQ(member(R"({"response_format":{"type":"json_object"}})", "format"), R"("json")");
    EXPECT_EQ(
        member(R"({"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object"}}}})", "format"),
        R"({"type":"object"})");
    EXPECT_EQ(member(R"({"response_format":{"type":"text"}})", "format"), "absent");
    EXPECT_EQ(member(R"({"reasoning_effort":"none"})", "think"), "false");
    EXPECT_EQ(member(R"({"reasoning_effort":"high"})", "think"), R"("high")");
    EXPECT_EQ(member(R"({"chat_template_kwargs":{"enable_thinking":true}})", "think"), "true");
    EXPECT_EQ(member(R"({"think":true,"reasoning_effort":"none"})", "think"), "true");
    EXPECT_EQ(member(R"({"tools":[{}],"tool_choice":"none"})", "tools"), "absent");
}

TEST(OllamaRequest, RefusesWhatOllamaCannotDo) {
    const std::vector<std::pair<Task, std::string>> refused{
        {Task::chat, R"({"n":2})"},
        {Task::chat,
         R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x/y.png"}}]}]})"},
        {Task::chat, R"({"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]})"},
        {Task::completion, R"({"prompt":["a","b"]})"},
        {Task::completion, R"({"prompt":[1,2]})"},
        {Task::embedding, R"({"input":[1,2]})"},
    };
    for (const auto& [task, body] : refused) {
        const auto encoded = encode_request(request_of(task, body), false, {.model = "m"});
        ASSERT_FALSE(encoded.has_value()) << body;
        EXPECT_EQ(encoded.error().code, Code::unsupported);
        EXPECT_FALSE(encoded.error().field.empty());
    }
}

TEST(OllamaReply, BecomesAChatCompletion) {
    const auto reply = decode_reply(recorded("22-chat-nostream").body, context(Task::chat));
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    auto expected = object(R"({"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"mine",
        "choices":[{"index":0,"message":{"role":"assistant","content":"snmprbwmtwvh"},"finish_reason":"length"}],
        "usage":{"prompt_tokens":27,"completion_tokens":6,"total_tokens":33}})");
    const auto timings = reply->at("timings").as_object();
    expected["timings"] = timings;
    EXPECT_EQ(*reply, expected);
    EXPECT_DOUBLE_EQ(timings.at("total_ms").as_double(), 1406.059769);
    EXPECT_DOUBLE_EQ(timings.at("load_ms").as_double(), 1.337854);
    EXPECT_DOUBLE_EQ(timings.at("prompt_ms").as_double(), 234.907);
    EXPECT_EQ(timings.at("predicted_n"), 6);
}

TEST(OllamaReply, WithAbsurdCountsIsAddedUpWithoutOverflow) {
    const auto reply = decode_reply(R"({"message":{"content":"x"},"done":true,)"
                                    R"("prompt_eval_count":9223372036854775807,"eval_count":9223372036854775807})",
                                    context(Task::chat));
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->at("usage").at("total_tokens"), std::int64_t{1} << 54U);
}

TEST(OllamaReply, BecomesATextCompletionWithLogprobsOrEmbeddings) {
    const auto completion = decode_reply(recorded("101-raw").body, context(Task::completion));
    ASSERT_TRUE(completion.has_value());
    EXPECT_EQ(completion->at("object"), "text_completion");
    EXPECT_EQ(completion->at("choices").at(0).at("text"), "ao$");

    const auto logprobs = decode_reply(recorded("134-logprobs").body, context(Task::chat));
    ASSERT_TRUE(logprobs.has_value());
    EXPECT_EQ(logprobs->at("choices").at(0).at("logprobs").at("content").at(0).at("token"), "bi");

    const auto recording = recorded("29-embed");
    const auto floats = decode_reply(recording.body, context(Task::embedding));
    ASSERT_TRUE(floats.has_value());
    EXPECT_EQ(floats->at("object"), "list");
    EXPECT_EQ(floats->at("data").as_array().size(), 2U);
    EXPECT_EQ(floats->at("data").at(1).at("index"), 1);
    EXPECT_EQ(floats->at("data").at(0).at("embedding"), object(recording.body).at("embeddings").at(0));
    EXPECT_EQ(floats->at("usage").at("prompt_tokens"), 9);

    auto compact = context(Task::embedding);
    compact.base64 = true;
    const auto base64 = decode_reply(R"({"embeddings":[[1,-0.5]]})", compact);
    ASSERT_TRUE(base64.has_value());
    EXPECT_EQ(base64->at("data").at(0).at("embedding"), "AACAPwAAAL8=");  // 00 00 80 3f 00 00 00 bf
}

TEST(OllamaReply, OfEveryRecordedCallIsUnderstood) {
    int seen = 0;
    for (const auto& exchange : protocols::test::all_recorded()) {
        if (exchange.status != 200 || exchange.is_stream() || exchange.cut) continue;
        if (exchange.path != "/api/chat" && exchange.path != "/api/generate" && exchange.path != "/api/embed") continue;
        const auto task = task_of(exchange.path);
        const auto reply = decode_reply(exchange.body, context(task));
        ASSERT_TRUE(reply.has_value()) << exchange.name << ": " << reply.error().message;
        ++seen;
        if (task == Task::embedding) continue;
        const auto original = object(exchange.body);
        const auto& choice = reply->at("choices").at(0);
        const auto text = task == Task::chat ? choice.at("message").at("content") : choice.at("text");
        EXPECT_EQ(text, task == Task::chat ? original.at("message").at("content") : original.at("response"))
            << exchange.name;
        const auto reason = original.at("done_reason").as_string();
        EXPECT_EQ(choice.at("finish_reason"), reason == "length" ? "length" : "stop") << exchange.name;
    }
    EXPECT_GE(seen, 25);
}

TEST(OllamaStream, BecomesChunksAndAUsageChunkWhereAskedFor) {
    const auto lines = recorded("23-chat-stream").lines();
    const auto plain = decode(lines, context(Task::chat));
    EXPECT_FALSE(plain.error.has_value());
    EXPECT_TRUE(plain.proper_end);
    EXPECT_EQ(plain.text, " csnvycfkeja");
    ASSERT_EQ(plain.chunks.size(), 7U);
    EXPECT_EQ(plain.chunks.front(),
              object(R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"mine",
        "choices":[{"index":0,"delta":{"role":"assistant","content":" c"},"finish_reason":null}]})"));
    EXPECT_EQ(plain.chunks[1].at("choices").at(0).at("delta"), object(R"({"content":"sn"})"));
    EXPECT_EQ(plain.chunks.back().at("choices").at(0).at("finish_reason"), "length");
    EXPECT_EQ(plain.chunks.back().at("usage").at("total_tokens"), 33);

    const auto asked = decode(lines, context(Task::chat, true));
    ASSERT_EQ(asked.chunks.size(), 8U);
    EXPECT_FALSE(asked.chunks[6].contains("usage"));
    EXPECT_TRUE(asked.chunks[7].at("choices").as_array().empty());
    EXPECT_EQ(asked.chunks[7].at("usage").at("completion_tokens"), 6);
    EXPECT_TRUE(asked.chunks[7].contains("timings"));
}

TEST(OllamaStream, OfEveryRecordedCallIsUnderstood) {
    int seen = 0;
    for (const auto& exchange : protocols::test::all_recorded()) {
        if (exchange.status != 200 || !exchange.path.starts_with("/api/") || !exchange.is_stream()) continue;
        ++seen;
        std::string text;
        for (const auto& line : exchange.lines()) {
            const auto original = object(line);
            if (const auto* response = original.if_contains("response")) text += response->as_string();
            if (const auto* message = original.if_contains("message")) text += message->at("content").as_string();
        }
        const auto streamed = decode(exchange.lines(), context(task_of(exchange.path)));
        EXPECT_EQ(streamed.text, text) << exchange.name;
        const bool whole = exchange.body.contains("\"done\":true");
        EXPECT_EQ(streamed.proper_end, whole) << exchange.name;
        EXPECT_EQ(streamed.error.has_value(), !whole) << exchange.name;
    }
    EXPECT_GE(seen, 9);
}

TEST(OllamaStream, SaysThatItsRunnerDied) {
    for (const auto* name : {"120-runnerkill-chat", "120-runnerkill-generate"}) {
        const auto streamed = decode(recorded(name).lines(), context(task_of(recorded(name).path)));
        ASSERT_TRUE(streamed.error.has_value());
        EXPECT_EQ(streamed.error->code, Code::upstream);
        EXPECT_EQ(streamed.error->message, "an error was encountered while running the model: unexpected EOF");
    }
}

TEST(OllamaStream, ThatEndsWithoutDoneIsADeadServer) {
    for (const auto* name : {"124-ollama-sigkill", "125-ollama-sigterm", "127-client-disconnect"}) {
        const auto streamed = decode(recorded(name).lines(), context(Task::completion));
        ASSERT_TRUE(streamed.error.has_value()) << name;
        EXPECT_EQ(streamed.error->code, Code::unavailable) << name;
        EXPECT_THAT(streamed.error->message, HasSubstr("in the middle of its answer"));
    }
    EXPECT_THAT(decode({}, context(Task::chat)).error->message, HasSubstr("before its answer began"));
}

TEST(OllamaStream, CarriesThinkingAndToolCalls) {
    const auto streamed = decode(
        {R"({"message":{"role":"assistant","content":"","thinking":"let me see"},"done":false})",
         R"({"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},
             {"id":"own","function":{"name":"g","arguments":{}}}]},"done":false})",
         R"({"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"h"}}]},"done":false})",
         R"({"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"})"},
        context(Task::chat));
    ASSERT_FALSE(streamed.error.has_value());
    ASSERT_EQ(streamed.chunks.size(), 4U);
    EXPECT_EQ(streamed.chunks[0].at("choices").at(0).at("delta"),
              object(R"({"role":"assistant","reasoning_content":"let me see"})"));
    EXPECT_EQ(streamed.chunks[1].at("choices").at(0).at("delta").at("tool_calls"), json::parse(R"([
        {"index":0,"id":"call_chatcmpl-1_0","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
        {"index":1,"id":"own","type":"function","function":{"name":"g","arguments":"{}"}}])"));
    EXPECT_EQ(streamed.chunks[2].at("choices").at(0).at("delta").at("tool_calls").at(0).at("index"), 2);
    EXPECT_EQ(streamed.chunks[3].at("choices").at(0).at("finish_reason"), "tool_calls");
}

TEST(OllamaStream, RefusesWhatIsNoJson) {
    const auto streamed = decode({"{\"message\":{\"content\":\"a"}, context(Task::chat));
    ASSERT_TRUE(streamed.error.has_value());
    EXPECT_EQ(streamed.error->code, Code::upstream);
    EXPECT_THAT(streamed.error->message, HasSubstr("{\"message\":"));
    EXPECT_EQ(decode({"5"}, context(Task::chat)).error->code, Code::upstream);
}

}  // namespace sarai::protocols::ollama::ollama_client_test
