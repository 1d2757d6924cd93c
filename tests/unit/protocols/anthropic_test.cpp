#include "protocols/anthropic.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "recordings.hpp"

namespace sarai::protocols::anthropic::anthropic_test {
namespace {

namespace json = boost::json;
using protocols::test::object;
using testing::ElementsAre;
using testing::HasSubstr;

json::object reply_with(std::string_view message, std::string_view finish_reason = "stop",
                        std::string_view more_choice = "") {
    return object(fmt::format(R"({{"id":"chatcmpl-7","choices":[{{"index":0,"message":{},"finish_reason":"{}"{}}}]}})",
                              message, finish_reason, more_choice));
}
json::object chunk_with(std::string_view delta, std::string_view more = "") {
    return object(fmt::format(R"({{"id":"chatcmpl-7","choices":[{{"index":0,"delta":{}}}]{}}})", delta, more));
}
json::object call_chunk(int index, std::string_view call) {
    return chunk_with(fmt::format(R"({{"tool_calls":[{{"index":{},{}]}})", index, call));
}
json::object end_chunk(std::string_view reason, std::string_view more_choice = "") {
    return object(fmt::format(R"({{"id":"chatcmpl-7","choices":[{{"index":0,"delta":{{}},"finish_reason":"{}"{}}}]}})",
                              reason, more_choice));
}
const json::object usage_chunk = object(R"({"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":7,
                                            "prompt_tokens_details":{"cached_tokens":20}}})");

// The events of a stream, each with the type that names it.
std::vector<json::object> events_of(std::string_view stream) {
    std::vector<json::object> events;
    while (!stream.empty()) {
        const auto end = stream.find("\n\n");
        const auto event = stream.substr(0, end);
        const auto line = event.find('\n');
        EXPECT_TRUE(event.starts_with("event: ") && event.substr(line + 1).starts_with("data: ")) << event;
        events.push_back(object(event.substr(line + 7)));
        EXPECT_EQ(events.back().at("type"), json::value(event.substr(7, line - 7)));
        stream.remove_prefix(end + 2);
    }
    return events;
}

std::string written(const std::vector<json::object>& chunks, bool finished = true) {
    EventEncoder encoder("m");
    std::string out;
    for (const auto& chunk : chunks) encoder.chunk(chunk, out);
    if (finished) encoder.finish(out);
    return out;
}

std::vector<std::string> types_of(std::string_view stream) {
    std::vector<std::string> types;
    for (const auto& event : events_of(stream)) types.emplace_back(event.at("type").as_string());
    return types;
}

// The message that a client puts together from a stream, as the official SDKs do; fails where they would, and where
// blocks are not one after the other.
json::object assembled(std::string_view stream) {
    json::object message;
    std::optional<std::int64_t> open;
    std::string input;
    bool stopped = false;
    for (const auto& event : events_of(stream)) {
        const std::string_view type = event.at("type").as_string();
        if (type == "ping") continue;
        EXPECT_FALSE(stopped) << type << " after message_stop";
        if (type == "message_start") {
            EXPECT_TRUE(message.empty());
            message = event.at("message").as_object();
            continue;
        }
        EXPECT_FALSE(message.empty()) << type << " before message_start";
        auto& content = message["content"].as_array();
        if (type == "content_block_start") {
            EXPECT_FALSE(open.has_value());
            open = event.at("index").to_number<std::int64_t>();
            EXPECT_EQ(*open, static_cast<std::int64_t>(content.size()));
            content.push_back(event.at("content_block"));
            input.clear();
        } else if (type == "content_block_delta") {
            EXPECT_EQ(open, event.at("index").to_number<std::int64_t>());
            const auto& delta = event.at("delta").as_object();
            auto& block = content.back().as_object();
            for (const auto* key : {"text", "thinking"})
                if (const auto* more = delta.if_contains(key)) block.at(key).as_string() += more->as_string();
            if (const auto* more = delta.if_contains("signature")) block.at("signature") = *more;
            if (const auto* more = delta.if_contains("partial_json")) input += more->as_string();
        } else if (type == "content_block_stop") {
            EXPECT_EQ(open, event.at("index").to_number<std::int64_t>());
            if (!input.empty()) content.back().as_object().at("input") = json::parse(input);
            open.reset();
        } else if (type == "message_delta") {
            EXPECT_FALSE(open.has_value());
            for (const auto& [key, value] : event.at("delta").as_object()) message[key] = value;
            for (const auto& [key, value] : event.at("usage").as_object()) message["usage"].as_object()[key] = value;
        } else {
            EXPECT_EQ(type, "message_stop");
            stopped = true;
        }
    }
    EXPECT_TRUE(stopped);
    return message;
}

json::value content_of(const std::vector<json::object>& chunks) { return assembled(written(chunks)).at("content"); }

}  // namespace

TEST(AnthropicReply, IsAMessage) {
    EXPECT_EQ(encode_reply("mine", object(R"({"id":"chatcmpl-7","model":"theirs","choices":[{"index":0,
                  "finish_reason":"tool_calls","message":{"role":"assistant","content":"Let me see.",
                  "reasoning_content":"hm","tool_calls":[
                      {"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":[1]}"}},
                      {"type":"function","function":{"name":"g","arguments":"{\"b\":"}}]}}],
                  "usage":{"prompt_tokens":30,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":20}}})")),
              object(R"({"id":"msg_7","type":"message","role":"assistant","model":"mine","content":[
                  {"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"Let me see."},
                  {"type":"tool_use","id":"t1","name":"f","input":{"a":[1]}},
                  {"type":"tool_use","id":"toolu_7_3","name":"g","input":{}}],
                  "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,
                  "cache_creation_input_tokens":0,"cache_read_input_tokens":20,"output_tokens":7}})"));
}

TEST(AnthropicReply, SaysWhyItEnds) {
    struct Case {
        std::string_view message;
        std::string_view finish_reason;
        std::string_view more;
        std::string_view stop_reason;
        json::value stop_sequence = nullptr;
    };
    constexpr std::string_view text = R"({"content":"x"})";
    constexpr std::string_view call =
        R"({"content":null,"tool_calls":[{"id":"t","function":{"name":"f","arguments":""}}]})";
    const std::vector<Case> cases{
        {text, "stop", "", "end_turn"},
        {text, "", "", "end_turn"},
        {text, "tool_calls", "", "end_turn"},  // without a call there is nothing to use
        {text, "length", "", "max_tokens"},
        {text, "content_filter", "", "refusal"},
        {R"({"content":null,"refusal":"no"})", "stop", "", "refusal"},
        {call, "tool_calls", "", "tool_use"},
        {call, "stop", "", "tool_use"},
        {call, "length", "", "max_tokens"},
        {text, "stop", R"(,"stop_reason":"END")", "stop_sequence", "END"},
        {text, "stop", R"(,"matched_stop":"END")", "stop_sequence", "END"},
        {text, "stop", R"(,"stopping_word":"END")", "stop_sequence", "END"},
        {text, "stop", R"(,"stop_reason":128009,"matched_stop":2,"stopping_word":"")", "end_turn"},
        {text, "length", R"(,"stop_reason":"END")", "max_tokens"},
    };
    for (const auto& [message, finish_reason, more, stop_reason, stop_sequence] : cases) {
        const auto reply = encode_reply("m", reply_with(message, finish_reason, more));
        EXPECT_EQ(reply.at("stop_reason"), json::value(stop_reason)) << message << finish_reason << more;
        EXPECT_EQ(reply.at("stop_sequence"), stop_sequence) << message << finish_reason << more;
    }
}

TEST(AnthropicReply, HoldsNothingThatIsNotThere) {
    EXPECT_EQ(encode_reply("m", reply_with(R"({"content":""})")).at("content"), json::array());
    const auto empty = encode_reply("m", {});
    EXPECT_EQ(empty.at("content"), json::array());
    EXPECT_EQ(empty.at("stop_reason"), "end_turn");
    EXPECT_EQ(empty.at("usage").at("input_tokens"), 0);
    EXPECT_EQ(encode_reply("m", reply_with(R"({"content":null,"reasoning":"hm"})")).at("content"),
              json::parse(R"([{"type":"thinking","thinking":"hm","signature":""}])"));
    EXPECT_EQ(encode_reply("m", reply_with(R"({"content":null,"refusal":"no"})")).at("content"),
              json::parse(R"([{"type":"text","text":"no"}])"));
}

TEST(AnthropicReply, LeavesOutThePrefillWhereTheServerRepeatsIt) {
    const auto text = [](std::string_view content, std::string_view prefill) {
        const auto reply = encode_reply("m", reply_with(fmt::format(R"({{"content":"{}"}})", content)), prefill);
        return reply.at("content").at(0).at("text");
    };
    EXPECT_EQ(text("Sure: (A)", "Sure: ("), "A)");
    EXPECT_EQ(text("A)", "Sure: ("), "A)");
    EXPECT_EQ(text("Sure: (A)", ""), "Sure: (A)");
}

TEST(AnthropicReply, KeepsSaraisNotes) {
    auto reply = reply_with(R"({"content":"x"})");
    reply["sarai_failover"] = {{"from", "a"}};
    reply["system_fingerprint"] = "b1";
    const auto out = encode_reply("m", reply);
    EXPECT_EQ(out.at("sarai_failover"), json::value({{"from", "a"}}));
    EXPECT_FALSE(out.contains("system_fingerprint"));
}

TEST(AnthropicStream, LooksLikeTheDocumentedOne) {
    EXPECT_EQ(written({chunk_with(R"({"role":"assistant","content":null})"), chunk_with(R"({"content":"Hel"})"),
                       chunk_with(R"({"content":"lo ñ\n"})"), end_chunk("stop"), usage_chunk}),
              R"(event: message_start
data: {"type":"message_start","message":{"id":"msg_7","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo ñ\n"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":20,"output_tokens":7}}

event: message_stop
data: {"type":"message_stop"}

)");
}

TEST(AnthropicStream, GivesWhatTheWholeReplyGives) {
    const auto whole = encode_reply("m", object(R"({"id":"chatcmpl-7","choices":[{"index":0,
        "finish_reason":"tool_calls","message":{"content":"Let me see. 🙂","reasoning_content":"hm, ok",
        "tool_calls":[{"id":"t1","function":{"name":"f","arguments":"{\"a\":[1]}"}},
                      {"id":"t2","function":{"name":"g","arguments":"{}"}}]}}],
        "usage":{"prompt_tokens":30,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":20}}})"));
    const std::vector<json::object> chunks{
        chunk_with(R"({"role":"assistant","content":""})"),
        chunk_with(R"({"reasoning_content":"hm"})"),
        chunk_with(R"({"reasoning_content":", ok"})"),
        chunk_with(R"({"content":"Let me "})"),
        chunk_with(R"({"content":"see. 🙂"})"),
        call_chunk(0, R"("id":"t1","type":"function","function":{"name":"f","arguments":""}})"),
        call_chunk(0, R"("function":{"arguments":"{\"a\""}})"),
        call_chunk(0, R"("function":{"arguments":":[1]}"}})"),
        call_chunk(1, R"("id":"t2","type":"function","function":{"name":"g","arguments":"{}"}})"),
        end_chunk("tool_calls"),
        usage_chunk,
    };
    const auto stream = written(chunks);
    EXPECT_EQ(assembled(stream), whole);
    EXPECT_THAT(stream, HasSubstr(R"({"type":"signature_delta","signature":""})"));
    EXPECT_THAT(stream, HasSubstr(R"({"type":"input_json_delta","partial_json":"{\"a\""})"));
}

TEST(AnthropicStream, BringsMixedToolCallsIntoOrder) {
    const auto begin = [](int index, std::string_view id) {
        return call_chunk(index, fmt::format(R"("id":"{}","function":{{"name":"f{}","arguments":""}}}})", id, index));
    };
    const auto more = [](int index, std::string_view text) {
        return call_chunk(index, fmt::format(R"("function":{{"arguments":{}}}}})", json::serialize(json::value(text))));
    };
    const auto expected = json::parse(R"([{"type":"tool_use","id":"a","name":"f0","input":{"x":{"y":1}}},
                                          {"type":"tool_use","id":"b","name":"f1","input":{"z":"}"}},
                                          {"type":"tool_use","id":"c","name":"f2","input":{}}])");
    EXPECT_EQ(content_of({begin(0, "a"), begin(1, "b"), begin(2, "c"), more(1, R"({"z")"), more(0, R"({"x":{"y":1})"),
                          more(2, "{"), more(1, R"(:"}"})"), more(0, "}"), more(2, "}"), end_chunk("tool_calls")}),
              expected);
    // Two in one chunk.
    EXPECT_EQ(content_of({chunk_with(R"({"tool_calls":[
                              {"index":0,"id":"a","function":{"name":"f0","arguments":"{\"x\":{\"y\":1}}"}},
                              {"index":1,"id":"b","function":{"name":"f1","arguments":"{\"z\":\"}\"}"}},
                              {"index":2,"id":"c","function":{"name":"f2","arguments":"{}"}}]})")}),
              expected);
    // Whole calls that all have the same index, or none.
    EXPECT_EQ(
        content_of({call_chunk(0, R"("id":"a","function":{"name":"f0","arguments":"{\"x\":{\"y\":1}}"}})"),
                    chunk_with(R"({"tool_calls":[{"id":"b","function":{"name":"f1","arguments":"{\"z\":\"}\"}"}}]})"),
                    call_chunk(0, R"("id":"c","function":{"name":"f2","arguments":"{}"}})")}),
        expected);
}

TEST(AnthropicStream, BringsAnyMixtureOfToolCallsIntoOrder) {
    std::mt19937 random(7);
    const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> rest;  // of each call's arguments
        json::array expected;
        std::vector<json::object> chunks;
        for (int i = 0; i < 4; ++i) {
            const auto input = json::parse(fmt::format(R"({{"a}}{{\"":{{"b":["}}",{}]}}}})", i));
            rest.push_back(json::serialize(input));
            expected.push_back({{"type", "tool_use"}, {"id", std::to_string(i)}, {"name", "f"}, {"input", input}});
            chunks.push_back(call_chunk(i, fmt::format(R"("id":"{}","function":{{"name":"f","arguments":""}}}})", i)));
        }
        while (std::ranges::any_of(rest, [](const auto& text) { return !text.empty(); })) {
            const auto index = up_to(3);
            const auto length = up_to(rest[index].size());
            const auto part = json::serialize(json::value(rest[index].substr(0, length)));
            rest[index].erase(0, length);
            chunks.push_back(
                call_chunk(static_cast<int>(index), fmt::format(R"("function":{{"arguments":{}}}}})", part)));
        }
        EXPECT_EQ(content_of(chunks), expected) << round;
    }
}

TEST(AnthropicStream, SendsAToolCallAsItComesAndClosesItOnceItIsWhole) {
    EventEncoder encoder("m");
    std::string out;
    const auto sent = [&](const json::object& chunk) {
        out.clear();
        encoder.chunk(chunk, out);
        return types_of(out);
    };
    EXPECT_THAT(sent(call_chunk(0, R"("id":"a","function":{"name":"f","arguments":"{"}})")),
                ElementsAre("message_start", "content_block_start", "content_block_delta"));
    EXPECT_THAT(sent(call_chunk(1, R"("id":"b","function":{"name":"g","arguments":"{}"}})")), ElementsAre());
    EXPECT_THAT(sent(call_chunk(0, R"("function":{"arguments":"}"}})")),
                ElementsAre("content_block_delta", "content_block_stop", "content_block_start", "content_block_delta"));
    EXPECT_THAT(sent(call_chunk(0, R"("function":{"arguments":" "}})")), ElementsAre());  // closed is closed
    EXPECT_THAT(sent(chunk_with(R"({"content":"done"})")),
                ElementsAre("content_block_stop", "content_block_start", "content_block_delta"));
}

TEST(AnthropicStream, MakesBlocksOfWhateverOrderTheModelChooses) {
    EXPECT_EQ(
        content_of({chunk_with(R"({"content":"a"})"), chunk_with(R"({"reasoning":"b"})"),
                    chunk_with(R"({"reasoning_content":"c","content":"d"})"),
                    call_chunk(0, R"("function":{"name":"f","arguments":"{}"}})"), chunk_with(R"({"content":"e"})")}),
        json::parse(R"([{"type":"text","text":"a"},{"type":"thinking","thinking":"bc","signature":""},
                              {"type":"text","text":"d"},{"type":"tool_use","id":"toolu_7_3","name":"f","input":{}},
                              {"type":"text","text":"e"}])"));
    // A name that comes late, arguments that never come, a fragment that is none.
    EXPECT_EQ(content_of({call_chunk(0, R"("id":"a","function":{"arguments":"{}"}})"),
                          call_chunk(0, R"("function":{"name":"f"}})"),
                          call_chunk(1, R"("id":"b","function":{"name":"g"}})"), call_chunk(2, R"("id":"c"})")}),
              json::parse(R"([{"type":"tool_use","id":"a","name":"f","input":{}},
                              {"type":"tool_use","id":"b","name":"g","input":{}}])"));
}

TEST(AnthropicStream, EndsForTheSameReasonsAsAReply) {
    const auto end = [](std::vector<json::object> chunks) {
        const auto message = assembled(written(chunks));
        return std::pair(message.at("stop_reason"), message.at("stop_sequence"));
    };
    const auto text = chunk_with(R"({"content":"x"})");
    EXPECT_EQ(end({text}), std::pair(json::value("end_turn"), json::value(nullptr)));
    EXPECT_EQ(end({text, end_chunk("length")}).first, "max_tokens");
    EXPECT_EQ(end({text, end_chunk("content_filter")}).first, "refusal");
    EXPECT_EQ(end({chunk_with(R"({"refusal":"no"})"), end_chunk("stop")}).first, "refusal");
    EXPECT_EQ(end({call_chunk(0, R"("id":"a","function":{"name":"f","arguments":"{}"}})"), end_chunk("stop")}).first,
              "tool_use");
    EXPECT_EQ(end({text, end_chunk("stop", R"(,"stop_reason":"END")")}),
              std::pair(json::value("stop_sequence"), json::value("END")));
}

TEST(AnthropicStream, TakesUsageFromTheLastChunkOrOneOfItsOwn) {
    const auto usage = [](const std::vector<json::object>& chunks) { return assembled(written(chunks)).at("usage"); };
    auto last = end_chunk("stop");
    last["usage"] = usage_chunk.at("usage");
    const auto expected = object(R"({"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":20,
                                     "output_tokens":7})");
    EXPECT_EQ(usage({chunk_with(R"({"content":"x"})"), last}), expected);
    EXPECT_EQ(usage({chunk_with(R"({"content":"x"})"), end_chunk("stop"), usage_chunk}), expected);
    const auto timed =
        written({chunk_with(R"({"content":"x"})", R"(,"timings":{"cache_n":20,"prompt_n":10,"predicted_n":1})")});
    EXPECT_EQ(events_of(timed).front().at("message").at("usage").at("cache_read_input_tokens"), 20);
}

TEST(AnthropicStream, EndsProperlyWithoutAnyText) {
    for (const auto& chunks : std::vector<std::vector<json::object>>{
             {},
             {end_chunk("stop")},
             {chunk_with(R"({"role":"assistant","content":null})"), chunk_with(R"({"content":""})"),
              chunk_with(R"({"content":null,"reasoning_content":null,"tool_calls":null})"), end_chunk("stop")}}) {
        const auto stream = written(chunks);
        EXPECT_THAT(types_of(stream), ElementsAre("message_start", "message_delta", "message_stop"));
        EXPECT_EQ(assembled(stream).at("stop_reason"), "end_turn");
    }
}

TEST(AnthropicStream, WritesNothingBeforeThereIsSomethingToShow) {
    EventEncoder encoder("m");
    std::string out;
    encoder.chunk(object(R"({"id":"chatcmpl-1","sarai_route":{"endpoint":"a"},"choices":[{"delta":{"content":""}}]})"),
                  out);
    EXPECT_EQ(out, "");
    // Another backend answers in the end.
    encoder.chunk(object(R"({"id":"chatcmpl-2","sarai_route":{"endpoint":"b"},"choices":[{"delta":{"content":"x"}}]})"),
                  out);
    const auto first = events_of(out).front();
    EXPECT_EQ(first.at("message").at("id"), "msg_2");
    EXPECT_EQ(first.at("sarai_route"), json::value({{"endpoint", "b"}}));
}

TEST(AnthropicStream, TellsSaraisNotesOnceInTheNextEvent) {
    const auto events = events_of(written({chunk_with(R"({"content":"a"})"),
                                           chunk_with(R"({"content":"b"})", R"(,"sarai_failover":{"to":"local"})"),
                                           chunk_with(R"({"content":"c"})", R"(,"obfuscation":"xyz")")}));
    std::vector<std::string> noted;
    for (const auto& event : events) {
        EXPECT_FALSE(event.contains("obfuscation"));
        if (event.contains("sarai_failover")) noted.emplace_back(event.at("delta").at("text").as_string());
    }
    EXPECT_THAT(noted, ElementsAre("b"));
}

TEST(AnthropicStream, BearsAPingAnywhere) {
    EventEncoder encoder("m");
    std::string out;
    EventEncoder::heartbeat(out);
    EXPECT_EQ(out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    encoder.chunk(chunk_with(R"({"content":"a"})"), out);
    EventEncoder::heartbeat(out);
    encoder.chunk(chunk_with(R"({"content":"b"})"), out);
    encoder.finish(out);
    EXPECT_EQ(assembled(out).at("content").at(0).at("text"), "ab");
}

TEST(AnthropicErrors, HaveAnthropicsTypes) {
    const std::map<std::string_view, std::set<Code>> types{
        {"invalid_request_error",
         {Code::invalid_argument, Code::method_not_allowed, Code::unsupported, Code::too_long,
          Code::unsupported_media}},
        {"authentication_error", {Code::unauthorized}},
        {"permission_error", {Code::forbidden}},
        {"not_found_error", {Code::not_found}},
        {"request_too_large", {Code::too_large}},
        {"rate_limit_error", {Code::rate_limited}},
        {"overloaded_error", {Code::no_memory, Code::busy, Code::loading}},
        {"timeout_error", {Code::slow_request, Code::timeout}},
        {"api_error",
         {Code::unavailable, Code::upstream, Code::denied_upstream, Code::cancelled, Code::corrupt_file, Code::io,
          Code::internal}},
    };
    std::size_t seen = 0;
    for (const auto& [type, codes] : types)
        for (const auto code : codes) {
            EXPECT_EQ(encode_error({.code = code}).at("error").at("type"), json::value(type)) << name_of(code);
            ++seen;
        }
    EXPECT_EQ(seen, static_cast<std::size_t>(Code::internal) + 1);
    EXPECT_EQ(encode_error({.code = Code::busy, .message = "full", .hint = "Try later."}, "req-1"),
              object(R"({"type":"error","error":{"type":"overloaded_error","message":"full. Try later."},
                         "request_id":"req-1"})"));
    EXPECT_FALSE(encode_error({}).contains("request_id"));
    EXPECT_EQ(encode_error({.code = Code::too_long, .message = "9 of 8 tokens"}).at("error").at("message"),
              "prompt is too long: 9 of 8 tokens");
    std::string out;
    EventEncoder::error({.code = Code::unavailable, .message = "gone"}, out);
    EXPECT_EQ(out,
              "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"gone\"}}\n\n");
}

}  // namespace sarai::protocols::anthropic::anthropic_test
