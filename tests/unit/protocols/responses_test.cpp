#include "protocols/responses.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recordings.hpp"

namespace sarai::protocols::responses::responses_test {
namespace {

using protocols::test::object;
namespace json = boost::json;
using testing::ElementsAre;

constexpr std::int64_t now = 1700000009;

Context context(std::string_view more = "") {
    const auto body = fmt::format(R"({{"model":"m","input":"hi"{}}})", more);
    auto decoded = decode_request(body, {.id = "resp_a1", .created_at = 1700000000}, [](auto) { return nullptr; });
    EXPECT_TRUE(decoded.has_value());
    return std::move(decoded->context);
}

std::string delta(std::string_view inner, std::string_view rest = "null") {
    return fmt::format(R"({{"choices":[{{"index":0,"delta":{},"finish_reason":{}}}]}})", inner, rest);
}

// A stream's events, each as (its name, its data).
std::vector<std::pair<std::string, json::object>> events_of(std::string_view out) {
    std::vector<std::pair<std::string, json::object>> all;
    while (!out.empty()) {
        const auto end = out.find("\n\n");
        const auto middle = out.find("\ndata: ");
        EXPECT_TRUE(out.starts_with("event: ") && middle < end) << out;
        if (middle >= end) break;
        all.emplace_back(out.substr(7, middle - 7), object(out.substr(middle + 7, end - middle - 7)));
        EXPECT_EQ(all.back().second.at("type").as_string(), all.back().first);
        EXPECT_EQ(all.back().second.at("sequence_number"), static_cast<std::int64_t>(all.size()) - 1);
        out.remove_prefix(end + 2);
    }
    return all;
}

struct Streamed {
    std::vector<std::pair<std::string, json::object>> events;
    json::object response;

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        all.reserve(events.size());
        for (const auto& [name, data] : events) all.push_back(name.substr(name.find('.') + 1));
        return all;
    }
};

Streamed streamed(const std::vector<std::string>& chunks, const Context& of) {
    StreamEncoder encoder(of);
    std::string out;
    for (const auto& chunk : chunks) encoder.chunk(object(chunk), out);
    auto response = encoder.finish(now, out);
    return {.events = events_of(out), .response = std::move(response)};
}

// What a client that goes by the events alone makes of them.
json::array output_of(const Streamed& stream) {
    std::map<std::int64_t, json::object> items;
    std::map<std::int64_t, std::string> texts;
    for (const auto& [name, data] : stream.events) {
        const auto* index = data.if_contains("output_index");
        if (index == nullptr) continue;
        const auto at = index->as_int64();
        if (name == "response.output_item.added") {
            EXPECT_EQ(at, static_cast<std::int64_t>(items.size())) << "items come in order";
            items[at] = data.at("item").as_object();
        }
        if (const auto* id = data.if_contains("item_id"); id != nullptr) { EXPECT_EQ(*id, items[at].at("id")); }
        if (name.ends_with(".delta")) texts[at] += data.at("delta").as_string();
        for (const auto* key : {"text", "arguments", "refusal"})
            if (const auto* whole = data.if_contains(key); whole != nullptr && !texts[at].empty()) {
                EXPECT_EQ(std::string_view(whole->as_string()), texts[at]);
            }
        if (name == "response.output_item.done") items[at] = data.at("item").as_object();
    }
    json::array all;
    for (auto& [index, item] : items) all.emplace_back(std::move(item));
    return all;
}

}  // namespace

TEST(ResponsesReply, IsAResponseObject) {
    EXPECT_EQ(encode_reply(context(R"(,"instructions":"i","user":"u")"), object(R"({"choices":[{"index":0,"message":{
                  "role":"assistant","content":"Grüße 😀"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,
                  "completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":4},
                  "completion_tokens_details":{"reasoning_tokens":2}}})"),
                           now),
              object(R"({"id":"resp_a1","object":"response","created_at":1700000000,"status":"completed",
                  "background":false,"completed_at":1700000009,"error":null,"incomplete_details":null,"model":"m",
                  "output":[{"id":"msg_a1_0","type":"message","status":"completed","role":"assistant","content":[
                      {"type":"output_text","text":"Grüße 😀","annotations":[],"logprobs":[]}]}],
                  "usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},
                      "output_tokens":3,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":8},
                  "instructions":"i","max_output_tokens":null,"max_tool_calls":null,"parallel_tool_calls":true,
                  "previous_response_id":null,"prompt_cache_key":null,"reasoning":{"effort":null,"summary":null},
                  "safety_identifier":null,"store":true,"temperature":null,"text":{"format":{"type":"text"}},
                  "tool_choice":"auto","tools":[],"top_logprobs":null,"top_p":null,"truncation":"disabled",
                  "user":"u","metadata":{}})"));
}

TEST(ResponsesReply, HasAnItemForEachThingThatTheModelDid) {
    const auto response = encode_reply(context(), object(R"({"choices":[{"index":1,"message":{"content":"other"}},
        {"index":0,"message":{"reasoning_content":"hm","content":"a","refusal":"no","tool_calls":[
            {"id":"x","function":{"name":"f","arguments":"{\"a\":1}"}},{"function":{"name":"g","arguments":""}},7]},
         "logprobs":{"content":[{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[]}]},
         "finish_reason":"tool_calls"}]})"),
                                       now);
    EXPECT_EQ(response.at("status"), "completed");
    EXPECT_EQ(response.at("usage"), nullptr);
    EXPECT_EQ(response.at("output"), json::parse(R"([
        {"id":"rs_a1_0","type":"reasoning","status":"completed","summary":[],
         "content":[{"type":"reasoning_text","text":"hm"}]},
        {"id":"msg_a1_1","type":"message","status":"completed","role":"assistant",
         "content":[{"type":"refusal","refusal":"no"}]},
        {"id":"msg_a1_2","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text",
         "text":"a","annotations":[],"logprobs":[{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[]}]}]},
        {"id":"fc_a1_3","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"x","name":"f"},
        {"id":"fc_a1_4","type":"function_call","status":"completed","arguments":"{}","call_id":"call_a1_4",
         "name":"g"}])"));
}

TEST(ResponsesReply, SaysWhyItIsIncomplete) {
    for (const auto& [finish, reason] :
         {std::pair{"length", "max_output_tokens"}, {"content_filter", "content_filter"}}) {
        const auto reply = fmt::format(
            R"({{"choices":[{{"message":{{"reasoning":"r","content":"a"}},"finish_reason":"{}"}}]}})", finish);
        const auto response = encode_reply(context(), object(reply), now);
        EXPECT_EQ(response.at("status"), "incomplete");
        EXPECT_EQ(response.at("incomplete_details").at("reason"), reason);
        EXPECT_EQ(response.at("completed_at"), nullptr);
        EXPECT_EQ(response.at("output").at(0).at("status"), "completed");
        EXPECT_EQ(response.at("output").at(1).at("status"), "incomplete");
    }
}

TEST(ResponsesReply, IsAMessageAlsoWhereTheModelSaidNothing) {
    for (const auto* reply : {R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}]})", "{}",
                              R"({"choices":[]})", R"({"choices":[{}]})"}) {
        const auto response = encode_reply(context(), object(reply), now);
        ASSERT_EQ(response.at("output").as_array().size(), 1U) << reply;
        EXPECT_EQ(response.at("output").at(0).at("content").at(0).at("text"), "") << reply;
    }
}

TEST(ResponsesStream, TellsTextInTheDocumentedOrder) {
    const auto of = context();
    const auto stream = streamed({delta(R"({"role":"assistant","content":null})"), delta(R"({"content":"Grü"})"),
                                  delta(R"({"content":"ße 😀"})"), delta("{}", "\"stop\""),
                                  R"({"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}})"},
                                 of);
    EXPECT_THAT(stream.names(), ElementsAre("created", "in_progress", "output_item.added", "content_part.added",
                                            "output_text.delta", "output_text.delta", "output_text.done",
                                            "content_part.done", "output_item.done", "completed"));
    EXPECT_EQ(stream.events[0].second.at("response").at("status"), "in_progress");
    EXPECT_EQ(stream.events[2].second.at("item"),
              object(R"({"id":"msg_a1_0","type":"message","status":"in_progress","role":"assistant","content":[]})"));
    EXPECT_EQ(stream.events[3].second, object(R"({"type":"response.content_part.added","sequence_number":3,
        "item_id":"msg_a1_0","output_index":0,"content_index":0,
        "part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}})"));
    EXPECT_EQ(stream.events[5].second, object(R"({"type":"response.output_text.delta","sequence_number":5,
        "item_id":"msg_a1_0","output_index":0,"content_index":0,"delta":"ße 😀","logprobs":[]})"));
    EXPECT_EQ(stream.events[6].second.at("text"), "Grüße 😀");
    EXPECT_EQ(stream.events[7].second.at("part").at("text"), "Grüße 😀");
    EXPECT_EQ(stream.response, stream.events.back().second.at("response"));
    EXPECT_EQ(stream.response.at("output"), output_of(stream));
    EXPECT_EQ(stream.response.at("usage").at("total_tokens"), 8);
    EXPECT_EQ(stream.response.at("completed_at"), now);
}

TEST(ResponsesStream, EndsAsTheWholeReplyWouldHave) {
    const auto of = context();
    const auto stream =
        streamed({delta(R"({"reasoning_content":"h"})"), delta(R"({"reasoning":"m"})"), delta(R"({"refusal":"no"})"),
                  delta(R"({"content":"a"})"), delta(R"({"tool_calls":[{"index":0,"id":"x","function":{"name":"f",
                                            "arguments":"{}"}}]})"),
                  R"({"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],
                                      "timings":{"prompt_n":2,"cache_n":3,"predicted_n":4}})"},
                 of);
    EXPECT_THAT(stream.names(),
                ElementsAre("created", "in_progress",  //
                            "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta",
                            "reasoning_text.done", "content_part.done", "output_item.done",  //
                            "output_item.added", "content_part.added", "refusal.delta", "refusal.done",
                            "content_part.done", "output_item.done",  //
                            "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
                            "content_part.done", "output_item.done",  //
                            "output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
                            "output_item.done", "completed"));
    EXPECT_EQ(stream.response, encode_reply(of, object(R"({"choices":[{"message":{"reasoning_content":"hm",
        "refusal":"no","content":"a","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]},
        "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":4,
        "prompt_tokens_details":{"cached_tokens":3}}})"),
                                            now));
    EXPECT_EQ(stream.response.at("output"), output_of(stream));
}

TEST(ResponsesStream, KeepsInterleavedCallsApart) {
    const auto of = context();
    const auto stream = streamed(
        {delta(R"({"content":"so"})"),
         delta(R"({"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}]})"),
         delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}},
                                 {"index":1,"id":"y","function":{"name":"g","arguments":"{\"b\":"}}]})"),
         delta(
             R"({"tool_calls":[{"index":0,"function":{"arguments":":\"ñ\"}"}},{"index":2,"function":{"name":"h"}}]})"),
         delta(R"({"tool_calls":[{"index":1,"function":{"arguments":"2}"}},{"index":9},5]})"),
         delta(R"({"content":"and"})"), delta("{}", "\"tool_calls\"")},
        of);
    EXPECT_EQ(stream.response.at("output"), output_of(stream));
    EXPECT_EQ(stream.response.at("output"), json::parse(R"([
        {"id":"msg_a1_0","type":"message","status":"completed","role":"assistant","content":[
            {"type":"output_text","text":"so","annotations":[],"logprobs":[]}]},
        {"id":"fc_a1_1","type":"function_call","status":"completed","arguments":"{\"a\":\"ñ\"}","call_id":"x",
         "name":"f"},
        {"id":"fc_a1_2","type":"function_call","status":"completed","arguments":"{\"b\":2}","call_id":"y","name":"g"},
        {"id":"fc_a1_3","type":"function_call","status":"completed","arguments":"{}","call_id":"call_a1_3",
         "name":"h"},
        {"id":"msg_a1_4","type":"message","status":"completed","role":"assistant","content":[
            {"type":"output_text","text":"and","annotations":[],"logprobs":[]}]}])"));
    for (const auto& [name, data] : stream.events)
        if (name == "response.function_call_arguments.done" && data.at("output_index") == 1) {
            EXPECT_EQ(data.at("name"), "f");
            EXPECT_EQ(data.at("item_id"), "fc_a1_1");
            EXPECT_FALSE(data.contains("content_index"));
        }
}

TEST(ResponsesStream, SaysWhyItIsIncomplete) {
    const auto of = context();
    const auto stream = streamed({delta(R"({"content":"a"})"), delta("{}", "\"length\"")}, of);
    EXPECT_EQ(stream.events.back().first, "response.incomplete");
    EXPECT_EQ(stream.response.at("incomplete_details").at("reason"), "max_output_tokens");
    EXPECT_EQ(stream.response.at("output").at(0).at("status"), "incomplete");
    EXPECT_EQ(stream.response.at("output"), output_of(stream));
}

TEST(ResponsesStream, IsSilentBeforeTheFirstOutput) {
    const auto of = context();
    StreamEncoder encoder(of);
    std::string out;
    for (const auto* chunk : {R"({"choices":[{"delta":{"role":"assistant","content":""}}]})", R"({"choices":[]})", "{}",
                              R"({"choices":[{"index":1,"delta":{"content":"other"}}]})"})
        encoder.chunk(object(chunk), out);
    EXPECT_EQ(out, "");
    const auto response = encoder.finish(now, out);
    const auto events = events_of(out);
    EXPECT_EQ(events.front().first, "response.created");
    EXPECT_EQ(response.at("output").as_array().size(), 1U);
    EXPECT_EQ(response.at("output"), output_of({.events = events, .response = {}}));
    EXPECT_EQ(response.at("usage"), nullptr);
}

TEST(ResponsesStream, TellsLogprobsAndNotes) {
    const auto of = context();
    StreamEncoder encoder(of);
    std::string out;
    encoder.chunk(object(R"({"choices":[{"delta":{"role":"assistant"}}],"sarai_route":{"model":"m"}})"), out);
    encoder.chunk(object(R"({"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-1}]}}],
                             "sarai_failover":{"from":"x"},"other":1})"),
                  out);
    encoder.chunk(object(R"({"choices":[{"delta":{"content":"b"},"logprobs":{"content":[{"token":"b","logprob":-2}]}}],
                             "sarai_failover":{"from":"y"}})"),
                  out);
    const auto response = encoder.finish(now, out);
    const auto events = events_of(out);
    EXPECT_EQ(events[0].second.at("sarai_route"), object(R"({"model":"m"})"));
    EXPECT_EQ(events[0].second.at("sarai_failover"), object(R"({"from":"x"})"));
    EXPECT_EQ(events[5].first, "response.output_text.delta");
    EXPECT_EQ(events[5].second.at("sarai_failover"), object(R"({"from":"y"})"));
    EXPECT_EQ(events[5].second.at("logprobs"), json::parse(R"([{"token":"b","logprob":-2}])"));
    for (const auto index : {1U, 2U, 3U, 4U, 6U})
        EXPECT_FALSE(events[index].second.contains("sarai_route") || events[index].second.contains("sarai_failover"));
    EXPECT_EQ(response.at("output").at(0).at("content").at(0).at("logprobs"),
              json::parse(R"([{"token":"a","logprob":-1},{"token":"b","logprob":-2}])"));
    out.clear();
    StreamEncoder::heartbeat("still here", out);
    EXPECT_EQ(out, ": still here\n\n");
}

TEST(ResponsesStream, FailsWithAnErrorAndTheResponse) {
    const auto of = context();
    StreamEncoder encoder(of);
    std::string out;
    encoder.chunk(object(delta(R"({"reasoning":"hm"})")), out);
    encoder.chunk(object(delta(R"({"content":"half"})")), out);
    encoder.fail({.code = Code::unavailable, .message = "gone \xC3", .hint = "Ask again."}, out);
    const auto events = events_of(out);
    EXPECT_EQ(events[events.size() - 2].second,
              object(fmt::format(R"({{"type":"error","sequence_number":{},"code":"backend_unavailable",
                                     "message":"gone �. Ask again.","param":null}})",
                                 events.size() - 2)));
    EXPECT_EQ(events.back().first, "response.failed");
    const auto& response = events.back().second.at("response");
    EXPECT_EQ(response.at("status"), "failed");
    EXPECT_EQ(response.at("error"), object(R"({"code":"server_error","message":"gone �. Ask again."})"));
    EXPECT_EQ(response.at("output").at(0).at("status"), "completed");
    EXPECT_EQ(response.at("output").at(1).at("status"), "incomplete");
    EXPECT_EQ(response.at("output").at(1).at("content").at(0).at("text"), "half");
}

TEST(ResponsesStream, BeginsAlsoWhereItFailsAtOnce) {
    for (const auto& [code, told] : {std::pair{Code::rate_limited, "rate_limit_exceeded"},
                                     {Code::too_large, "invalid_prompt"},
                                     {Code::too_long, "context_length_exceeded"},
                                     {Code::timeout, "server_error"}}) {
        const auto of = context();
        std::string out;
        StreamEncoder(of).fail({.code = code, .message = "no", .field = "model"}, out);
        const auto events = events_of(out);
        ASSERT_EQ(events.size(), 4U);
        EXPECT_EQ(events[0].first, "response.created");
        EXPECT_EQ(events[2].second.at("param"), "model");
        EXPECT_EQ(events[3].second.at("response").at("error").at("code"), told);
    }
}

TEST(ResponsesKept, HoldsTheConversationForTheNextRequest) {
    auto first = context(R"(,"instructions":"i")");
    const auto response = encode_reply(first, object(R"({"choices":[{"message":{"content":"so",
        "reasoning_content":"hm","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}}]})"),
                                       now);
    const auto kept = std::make_shared<const Kept>(keep(first, response));
    EXPECT_EQ(object(kept->response), response);
    EXPECT_EQ(json::parse(kept->input).at(0).at("id"), "msg_a1_i0");
    const auto next = decode_request(R"({"model":"m","previous_response_id":"resp_a1","input":[
                                         {"type":"function_call_output","call_id":"x","output":"1"}]})",
                                     {.id = "resp_b2", .created_at = now},
                                     [&](std::string_view id) { return id == "resp_a1" ? kept : nullptr; });
    ASSERT_TRUE(next.has_value()) << next.error().message;
    EXPECT_EQ(next->request.body.at("messages"), json::parse(R"([{"role":"user","content":"hi"},
        {"role":"assistant","content":"so","reasoning_content":"hm","tool_calls":[
            {"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"x","content":"1"}])"));
}

TEST(ResponsesKept, IsListedInPages) {
    const Kept kept{.response = {}, .input = R"([{"id":"a"},{"id":"b"},{"id":"c"}])", .messages = {}};
    EXPECT_EQ(encode_input_items(kept, {}).value(),
              object(R"({"object":"list","first_id":"c","last_id":"a","has_more":false,
                         "data":[{"id":"c"},{"id":"b"},{"id":"a"}]})"));
    EXPECT_EQ(encode_input_items(kept, {.limit = 2, .ascending = true}).value(),
              object(R"({"object":"list","first_id":"a","last_id":"b","has_more":true,
                         "data":[{"id":"a"},{"id":"b"}]})"));
    EXPECT_EQ(encode_input_items(kept, {.after = "b", .limit = 2, .ascending = true}).value().at("data"),
              json::parse(R"([{"id":"c"}])"));
    EXPECT_EQ(encode_input_items(kept, {.after = "a"}).value(),
              object(R"({"object":"list","first_id":"","last_id":"","has_more":false,"data":[]})"));
    const auto unknown = encode_input_items(kept, {.after = "x"});
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().field, "after");
    EXPECT_EQ(encode_deleted("resp_a1"), object(R"({"id":"resp_a1","object":"response","deleted":true})"));
}

}  // namespace sarai::protocols::responses::responses_test
