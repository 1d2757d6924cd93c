#include "protocols/ollama_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocols/ollama.hpp"
#include "protocols/ollama_listing.hpp"
#include "recordings.hpp"

namespace sarai::protocols::ollama::ollama_server_test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using llm::Task;
using protocols::test::all_recorded;
using protocols::test::object;
using protocols::test::recorded;

constexpr Moment now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 2h + 11min + 3s + 901395778ns};
const std::string now_text = "2026-11-23T02:11:03.901395778Z";

std::optional<Call> call_of(const std::string& path) {
    if (path == "/api/chat") return Call::chat;
    if (path == "/api/generate") return Call::generate;
    if (path == "/api/embed") return Call::embed;
    return std::nullopt;
}

std::chrono::nanoseconds ns_at(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return std::chrono::nanoseconds(value == nullptr ? 0 : value->as_int64());
}

Durations durations_of(const json::object& last) {
    return {.total = ns_at(last, "total_duration"),
            .load = ns_at(last, "load_duration"),
            .prompt_eval = ns_at(last, "prompt_eval_duration"),
            .eval = ns_at(last, "eval_duration")};
}

// What we do not offer: the token ids of /api/generate's "context"; our clock is a fixed one.
json::object comparable(json::object line) {
    line.erase("context");
    if (line.contains("created_at")) line["created_at"] = now_text;
    return line;
}

ReplyContext context_for(Call call) {
    return {.task = call == Call::embed ? Task::embedding : Task::chat, .id = "1", .model = "m", .include_usage = true};
}

json::object body_of(Call call, std::string_view text) {
    const auto decoded = decode_request(call, text);
    EXPECT_TRUE(decoded.has_value()) << decoded.error().message;
    return decoded ? decoded->request.body : json::object{};
}

Moment moment(std::chrono::sys_days day, std::chrono::nanoseconds rest) { return Moment{day} + rest; }

}  // namespace

TEST(OllamaServer, RefusesInOllamasWords) {
    // 52 is a 500 there; a wrong option is the client's mistake, so here it is a 400 with the same words.
    for (const auto* name :
         {"48-err-badjson", "49-err-emptybody", "50-err-nomodel", "51-err-badtype", "52-err-badoption",
          "59-err-chat-nomodel", "90-err-keepalive-bad", "91-keepalive-str-nounit"}) {
        const auto exchange = recorded(name);
        const auto decoded = decode_request(*call_of(exchange.path), exchange.request_body);
        ASSERT_FALSE(decoded.has_value()) << name;
        EXPECT_EQ(encode_error(decoded.error()), object(exchange.body)) << name;
        EXPECT_EQ(decoded.error().code, exchange.status == 404 ? Code::not_found : Code::invalid_argument) << name;
    }
    EXPECT_FALSE(decode_request(Call::embed, R"({"model":"m","input":5})").has_value());
    EXPECT_FALSE(decode_request(Call::chat, R"({"model":"m","messages":["x"]})").has_value());
    EXPECT_FALSE(decode_request(Call::chat, R"({"model":"m","messages":[{"role":"user","content":[]}]})").has_value());
    EXPECT_FALSE(decode_request(Call::generate, R"({"model":"m","prompt":"a","template":"b"})").has_value());
    EXPECT_FALSE(
        decode_request(Call::chat, R"({"model":"m","messages":[{"role":"user"}],"format":"xml"})").has_value());
}

TEST(OllamaServer, LoadsAndUnloadsWhereNothingIsAsked) {
    for (const auto& [name, action] : {std::pair{"80-load-empty-prompt", Action::load},
                                       {"81-load-chat-empty", Action::load},
                                       {"82-unload-keepalive0", Action::unload},
                                       {"94-unload-chat", Action::unload},
                                       {"95-unload-nostream", Action::unload}}) {
        const auto exchange = recorded(name);
        const auto call = *call_of(exchange.path);
        const auto decoded = decode_request(call, exchange.request_body);
        ASSERT_TRUE(decoded.has_value()) << name;
        EXPECT_EQ(decoded->action, action) << name;
        EXPECT_EQ(decoded->request.model, "tiny-solar");
        EXPECT_EQ(encode_load_reply(call, "tiny-solar", action, now), comparable(object(exchange.body))) << name;
    }
    EXPECT_EQ(decode_request(Call::generate, R"({"model":"m","prompt":"x","keep_alive":0})")->action, Action::run);
    EXPECT_EQ(decode_request(Call::embed, R"({"model":"m","input":[]})")->action, Action::load);
    EXPECT_EQ(decode_request(Call::chat, R"({"model":"m","keep_alive":"0s"})")->action, Action::unload);
    EXPECT_EQ(decode_request(Call::chat, R"({"model":"m","keep_alive":"1h30m"})")->action, Action::load);
}

TEST(OllamaServer, TakesEveryRecordedRequestAndOurClientWouldSendTheSame) {
    int seen = 0;
    for (const auto& exchange : all_recorded()) {
        const auto call = call_of(exchange.path);
        if (!call || exchange.status != 200 || exchange.request_body.empty()) continue;
        const auto decoded = decode_request(*call, exchange.request_body);
        ASSERT_TRUE(decoded.has_value()) << exchange.name << ": " << decoded.error().message;
        const auto original = object(exchange.request_body);
        const auto* stream = original.if_contains("stream");
        if (decoded->action != Action::run) continue;
        EXPECT_EQ(decoded->request.stream, *call != Call::embed && (stream == nullptr || stream->as_bool()))
            << exchange.name;
        ++seen;

        const auto sent = encode_request(decoded->request, decoded->request.stream, {.model = "tiny-solar"});
        ASSERT_TRUE(sent.has_value()) << exchange.name;
        const auto again = object(*sent);
        for (const auto* key : {"messages", "options", "input", "format", "keep_alive"}) {
            if (*call == Call::generate && std::string_view(key) == "messages") continue;
            const auto* expected = original.if_contains(key);
            const auto* got = again.if_contains(key);
            ASSERT_EQ(expected == nullptr, got == nullptr) << exchange.name << ": " << key;
            if (expected == nullptr) continue;
            EXPECT_EQ(*got, *expected) << exchange.name << ": " << key;
        }
    }
    EXPECT_GE(seen, 25);
}

TEST(OllamaServer, AppliesTheTemplateUnlessThePromptIsRaw) {
    EXPECT_EQ(
        body_of(Call::generate, R"({"model":"m","system":"s","prompt":"p","images":["/9j/AA=="],"stream":false})"),
        object(R"({"model":"m","stream":false,"messages":[{"role":"system","content":"s"},{"role":"user","content":[
                  {"type":"text","text":"p"},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/AA=="}}]}]})"));
    const auto raw = decode_request(Call::generate, R"({"model":"m","prompt":"p","raw":true,"context":[1]})");
    ASSERT_TRUE(raw.has_value());
    EXPECT_EQ(raw->request.task, Task::completion);
    EXPECT_EQ(raw->request.body,
              object(R"({"model":"m","prompt":"p","stream":true,"stream_options":{"include_usage":true}})"));
}

TEST(OllamaServer, TranslatesOptionsToolsAndThinking) {
    EXPECT_EQ(body_of(Call::chat, R"({"model":"m","stream":false,"think":false,"format":{"type":"object"},
                  "options":{"num_predict":-1,"stop":["a"],"top_k":5,"num_ctx":512},"messages":[
                  {"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},
                                                                 {"function":{"name":"g","arguments":{}}}]},
                  {"role":"tool","content":"G","tool_name":"g"},{"role":"tool","content":"F"}]})"),
              object(R"({"model":"m","stream":false,"stop":["a"],"top_k":5,"num_ctx":512,
                  "chat_template_kwargs":{"enable_thinking":false},
                  "response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}},
                  "messages":[{"role":"assistant","content":"","tool_calls":[
                      {"id":"call_0","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
                      {"id":"call_1","type":"function","function":{"name":"g","arguments":"{}"}}]},
                  {"role":"tool","content":"G","tool_call_id":"call_1"},{"role":"tool","content":"F","tool_call_id":"call_0"}]})"));
}

TEST(OllamaServer, LeavesOutToolCallsThatCallNothing) {
    EXPECT_EQ(body_of(Call::chat, R"({"model":"m","stream":false,"messages":[
                  {"role":"assistant","content":"x","tool_calls":[{"name":"f"},7]}]})"),
              object(R"({"model":"m","stream":false,"messages":[{"role":"assistant","content":"x"}]})"))
        << "an empty list is refused by some servers";
}

TEST(OllamaServer, RepliesAsTheRecordedServerDid) {
    int seen = 0;
    for (const auto& exchange : all_recorded()) {
        const auto call = call_of(exchange.path);
        if (!call || exchange.status != 200 || exchange.is_stream() || exchange.cut) continue;
        const auto original = object(exchange.body);
        if (original.contains("logprobs") || (*call != Call::embed && !original.contains("eval_count"))) continue;
        const auto neutral = decode_reply(exchange.body, context_for(*call));
        ASSERT_TRUE(neutral.has_value()) << exchange.name;
        EXPECT_EQ(encode_reply(*call, original.at("model").as_string(), *neutral, now, durations_of(original)),
                  comparable(original))
            << exchange.name;
        ++seen;
    }
    EXPECT_GE(seen, 20);
}

TEST(OllamaServer, StreamsLinesAsTheRecordedServerDid) {
    int seen = 0;
    for (const auto& exchange : all_recorded()) {
        const auto call = call_of(exchange.path);
        if (!call || exchange.status != 200 || !exchange.is_stream() || !exchange.body.contains("\"done\":true"))
            continue;
        const auto lines = exchange.lines();
        StreamDecoder decoder(context_for(*call));
        LineEncoder encoder(*call, "tiny-solar");
        std::vector<llm::StreamEvent> events;
        for (const auto& line : lines) ASSERT_TRUE(decoder.line(line, events).has_value());
        std::string out;
        for (const auto& event : events) encoder.chunk(event.chunk(), now, out);
        encoder.finish(now, durations_of(object(lines.back())), out);
        const auto ours = sarai::test::RecordedExchange{.body = out}.lines();
        ASSERT_EQ(ours.size(), lines.size()) << exchange.name;
        for (std::size_t i = 0; i < lines.size(); ++i)
            ASSERT_EQ(object(ours[i]), comparable(object(lines[i]))) << exchange.name << ": line " << i;
        ++seen;
    }
    EXPECT_GE(seen, 3);
}

TEST(OllamaServer, SendsToolCallsWholeAndErrorsAsALine) {
    LineEncoder encoder(Call::chat, "m");
    std::string out;
    for (const auto* delta :
         {R"({"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":""}}]})",
          R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]})",
          R"({"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]})", R"({"reasoning_content":"hm"})"})
        encoder.chunk(object(std::string(R"({"choices":[{"index":0,"delta":)") + delta + "}]}"), now, out);
    encoder.finish(now, {}, out);
    const auto lines = sarai::test::RecordedExchange{.body = out}.lines();
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(object(lines[0]).at("message").at("thinking"), "hm");
    EXPECT_EQ(object(lines[1]).at("message").at("tool_calls"),
              json::parse(R"([{"id":"x","function":{"name":"f","arguments":{"a":1}}}])"));
    EXPECT_EQ(object(lines[2]).at("done_reason"), "stop");
    out.clear();
    LineEncoder::error({.code = Code::unavailable, .message = "gone"}, out);
    EXPECT_EQ(out, "{\"error\":\"gone\"}\n");
}

TEST(OllamaListing, LooksLikeTheRecordedTags) {
    const auto day = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};
    const Details llama{.family = "llama", .parameter_size = "1.71M", .quantization_level = "Q4_K_M"};
    const std::vector<ModelInfo> models{
        {.name = "tiny-embed:latest",
         .modified_at = moment(day, 2h + 10min + 57s + 370214306ns),
         .size = {1190762},
         .digest = "489a146c87bfb3b77cc11c1dd35ea900405f3b495decb1d2503d56f340d808d3",
         .details = {.family = "gemma-embedding", .parameter_size = "1.09M", .quantization_level = "Q8_0"},
         .context_length = 2048,
         .embedding_length = 128,
         .capabilities = {"embedding"}},
        {.name = "tiny-solar:latest",
         .modified_at = moment(day, 2h + 10min + 57s + 229552363ns),
         .size = {1095723},
         .digest = "6480d0e9fc8e3ebd142daa4e17cc9f8b6595889831ce83247fb2a89122c41deb",
         .details = llama,
         .context_length = 4096,
         .embedding_length = 256,
         .capabilities = {"completion"}},
        {.name = "tiny-solar2:latest",
         .modified_at = moment(day, 2h + 10min + 57s + 318339833ns),
         .size = {1095704},
         .digest = "d3c80eefacaf4cda8d5ea1faf4a65107dbcbbc16c6411236da842036b0fb7fee",
         .details = llama,
         .context_length = 4096,
         .embedding_length = 256,
         .capabilities = {"completion"}}};
    EXPECT_EQ(encode_tags(models), object(recorded("07-tags").body));
}

TEST(OllamaListing, LooksLikeTheRecordedPsAndVersion) {
    const auto day = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};
    RunningModel model{.name = "tiny-solar:latest",
                       .size = {14197718},
                       .digest = "6480d0e9fc8e3ebd142daa4e17cc9f8b6595889831ce83247fb2a89122c41deb",
                       .details = {.family = "llama", .parameter_size = "1.71M", .quantization_level = "Q4_K_M"},
                       .expires_at = moment(day, 2h + 16min + 6s + 944335383ns),
                       .context_length = 4096};
    EXPECT_EQ(encode_ps({&model, 1}), object(recorded("24-ps").body));
    EXPECT_EQ(encode_ps({}), object(recorded("08-ps-empty").body));
    model.expires_at.reset();
    const auto year = [](const json::object& ps) {
        return std::string(ps.at("models").at(0).at("expires_at").as_string()).substr(0, 4);
    };
    EXPECT_EQ(year(encode_ps({&model, 1})), year(object(recorded("85-ps-neg1").body)));
    EXPECT_EQ(encode_version("0.33.0-rc2"), object(recorded("09-version").body));
}

TEST(OllamaListing, LooksLikeTheRecordedShow) {
    const auto original = object(recorded("10-show").body);
    const auto text = [&](std::string_view key) { return std::string(original.at(key).as_string()); };
    const auto day = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};
    EXPECT_EQ(encode_show({.modelfile = text("modelfile"),
                           .parameters = text("parameters"),
                           .chat_template = text("template"),
                           .details = {.family = "llama", .parameter_size = "1.71M", .quantization_level = "Q4_K_M"},
                           .model_info = original.at("model_info").as_object(),
                           .tensors = original.at("tensors").as_array(),
                           .capabilities = {"completion"},
                           .modified_at = moment(day, 2h + 10min + 57s + 229552363ns)}),
              original);
}

TEST(OllamaListing, ShowsWhereAModelRunsThatIsNotHere) {
    const Elsewhere lan{.model = "solar:10.7b", .host = "http://lan-box:11434"};
    const ModelInfo info{.name = "solar:latest", .elsewhere = lan};
    const auto entry = encode_tags({&info, 1}).at("models").at(0).as_object();
    EXPECT_EQ(entry.at("remote_model"), "solar:10.7b");
    EXPECT_EQ(entry.at("remote_host"), "http://lan-box:11434");
    EXPECT_EQ(encode_show({.elsewhere = lan}).at("remote_host"), "http://lan-box:11434");
}

TEST(OllamaListing, ShowsTheProjectorBesideTheModel) {
    const auto shown = encode_show({.license = "apache-2.0",
                                    .details = {.family = "qwen2vl", .has_projector = true},
                                    .projector_info = {{"clip.has_vision_encoder", true}}});
    EXPECT_EQ(shown.at("details").at("families"), json::value({"qwen2vl", "clip"}));
    EXPECT_EQ(shown.at("projector_info"), json::value({{"clip.has_vision_encoder", true}}));
    EXPECT_EQ(shown.at("license"), "apache-2.0");
}

TEST(OllamaListing, CountsParametersInThreeDigitsOrSo) {
    EXPECT_EQ(parameter_size(1705216), "1.71M");
    EXPECT_EQ(parameter_size(1091000), "1.09M");
    EXPECT_EQ(parameter_size(10'731'524'096), "10.7B");
    EXPECT_EQ(parameter_size(8'000'000'000), "8B");
    EXPECT_EQ(parameter_size(302'863'104), "302.86M");
    EXPECT_EQ(parameter_size(2'000'000), "2M");
    EXPECT_EQ(parameter_size(268'400), "268K");
    EXPECT_EQ(parameter_size(999), "999");
    EXPECT_EQ(parameter_size(0), "0");
}

TEST(OllamaListing, AlignsParametersAsRecorded) {
    EXPECT_EQ(parameter_line("num_predict", "24"), object(recorded("10-show").body).at("parameters").as_string());
}

}  // namespace sarai::protocols::ollama::ollama_server_test
