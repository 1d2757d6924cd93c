#include "support/fake_replies.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

namespace sarai::test {
namespace {

std::string quoted(const std::string& text) { return boost::json::serialize(boost::json::string(text)); }

std::string answer(const Script& script) {
    std::string text;
    for (int i = 0; i < script.tokens; ++i) text += token_text(script, i);
    return text;
}

std::string ollama_line(Route route, const std::string& text, const std::string& rest) {
    const auto content = route == Route::chat
                             ? fmt::format(R"("message":{{"role":"assistant","content":{}}})", quoted(text))
                             : fmt::format(R"("response":{})", quoted(text));
    return fmt::format("{{\"model\":\"fake\",\"created_at\":\"2026-11-23T02:11:03.9Z\",{},{}}}", content, rest);
}

std::string ollama_end(const Script& script) {
    return fmt::format(
        R"("done":true,"done_reason":"stop","total_duration":5000000,"load_duration":1000000,)"
        R"("prompt_eval_count":3,"prompt_eval_duration":1000000,"eval_count":{},"eval_duration":2000000)",
        script.tokens);
}

std::string openai_event(Route route, const std::string& inner, const std::string& finish) {
    return fmt::format(
        "data: {{\"id\":\"x-1\",\"object\":\"{}\",\"created\":1,\"model\":\"fake\","
        "\"choices\":[{{\"index\":0,{},\"finish_reason\":{}}}]}}\n\n",
        route == Route::chat ? "chat.completion.chunk" : "text_completion", inner, finish);
}

std::string usage(const Script& script) {
    return fmt::format(R"({{"prompt_tokens":3,"completion_tokens":{},"total_tokens":{}}})", script.tokens,
                       script.tokens + 3);
}

}  // namespace

std::string FakeUpstream::text(int tokens) { return answer({.tokens = tokens}); }

Route route_of(Protocol protocol, const std::string& method, const std::string& target) {
    if (protocol == Protocol::ollama) {
        if (method == "GET" && (target == "/api/version" || target == "/api/tags" || target == "/api/ps"))
            return Route::info;
        if (method != "POST") return Route::none;
        if (target == "/api/chat") return Route::chat;
        if (target == "/api/generate") return Route::completion;
        return target == "/api/embed" ? Route::embedding : Route::none;
    }
    if (method == "GET" && target == "/v1/models") return Route::info;
    if (method != "POST") return Route::none;
    if (target == "/v1/chat/completions") return Route::chat;
    if (target == "/v1/completions") return Route::completion;
    if (target == "/v1/rerank") return Route::ranking;
    return target == "/v1/embeddings" ? Route::embedding : Route::none;
}

std::string token_text(const Script& script, int index) {
    if (!script.token.empty()) return script.token;
    return script.fault == Fault::split_code_point ? std::string("ñ") : fmt::format("t{} ", index);
}

int tokens_had(const std::string& body, const Script& script) {
    boost::system::error_code ec;
    const auto parsed = boost::json::parse(body, ec);
    if (ec || !parsed.is_object() || !parsed.get_object().contains("messages")) return 0;
    const auto& messages = parsed.at("messages").as_array();
    if (messages.empty() || messages.back().at("role") != "assistant") return 0;
    const std::string_view had = messages.back().at("content").as_string();
    std::string text;
    for (int i = 0; i < script.tokens; ++i) {
        if (text == had) return i;
        text += token_text(script, i);
    }
    return text == had ? script.tokens : 0;
}

std::string token_unit(Protocol protocol, Route route, const std::string& text) {
    if (protocol == Protocol::ollama) return ollama_line(route, text, "\"done\":false") + "\n";
    const auto inner = route == Route::chat ? fmt::format(R"("delta":{{"content":{}}})", quoted(text))
                                            : fmt::format(R"("text":{})", quoted(text));
    return openai_event(route, inner, "null");
}

std::string end_units(Protocol protocol, Route route, const Script& script) {
    if (protocol == Protocol::ollama) return ollama_line(route, "", ollama_end(script)) + "\n";
    auto units = openai_event(route, route == Route::chat ? "\"delta\":{}" : "\"text\":\"\"", "\"stop\"");
    if (script.fault != Fault::no_marker) units += "data: [DONE]\n\n";
    return units;
}

std::string error_unit(Protocol protocol) {
    return protocol == Protocol::ollama
               ? "{\"error\":\"an error was encountered while running the model: unexpected EOF\"}\n"
               : "data: {\"error\":{\"code\":500,\"message\":\"slot was lost\",\"type\":\"server_error\"}}\n\n";
}

std::string garbage_unit(Protocol protocol) {
    const std::string junk = "{\"choices\":[{\"delta\":{\"conte#!";
    return protocol == Protocol::ollama ? junk + "\n" : "data: " + junk + "\n\n";
}

std::string heartbeat_unit(Protocol protocol) { return protocol == Protocol::ollama ? "\n" : ": ping\n\n"; }

std::string whole_reply(Protocol protocol, Route route, const Script& script) {
    if (route == Route::info) return R"({"version":"0.33.0","object":"list","data":[],"models":[]})";
    if (protocol == Protocol::ollama) {
        if (route == Route::embedding)
            return R"({"model":"fake","embeddings":[[0.5,-0.25],[1,0]],"total_duration":1000000,"prompt_eval_count":4})";
        return ollama_line(route, answer(script), ollama_end(script));
    }
    if (route == Route::embedding)
        return R"({"object":"list","model":"fake","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25]}],)"
               R"("usage":{"prompt_tokens":4,"total_tokens":4}})";
    if (route == Route::ranking)  // of two documents, as vLLM writes it
        return R"({"id":"rerank-1","model":"fake","usage":{"total_tokens":9},"results":[)"
               R"({"index":1,"document":{"text":"b"},"relevance_score":0.75},)"
               R"({"index":0,"document":{"text":"a"},"relevance_score":-2}]})";
    const auto choice = route == Route::chat
                            ? fmt::format(R"("message":{{"role":"assistant","content":{}}})", quoted(answer(script)))
                            : fmt::format(R"("text":{})", quoted(answer(script)));
    return fmt::format(R"({{"id":"x-1","object":"{}","created":1,"model":"fake","choices":[{{"index":0,{},)"
                       R"("finish_reason":"stop"}}],"usage":{}}})",
                       route == Route::chat ? "chat.completion" : "text_completion", choice, usage(script));
}

std::string error_body(const Script& script) {
    return script.body.empty()
               ? fmt::format(R"({{"error":{{"message":"scripted failure {}","type":"x"}}}})", script.status)
               : script.body;
}

}  // namespace sarai::test
