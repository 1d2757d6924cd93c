#include <boost/json/serialize.hpp>
#include <format>

#include "base/utf8.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama_context.hpp"
#include "protocols/ollama_server.hpp"

namespace sarai::protocols::ollama {
namespace {

json::object head_of(std::string_view model, Moment now) {
    json::object head;
    head["model"] = model;
    head["created_at"] = encode_time(now);
    return head;
}

// Text goes into "message" for /api/chat and into "response" for /api/generate.
void set_message(Call call, json::object& out, std::string_view text, std::string_view thinking,
                 json::array tool_calls) {
    if (call == Call::generate) {
        out["response"] = text;
        if (!thinking.empty()) out["thinking"] = thinking;
        return;
    }
    json::object message;
    message["role"] = "assistant";
    message["content"] = text;
    if (!thinking.empty()) message["thinking"] = thinking;
    if (!tool_calls.empty()) message["tool_calls"] = std::move(tool_calls);
    out["message"] = std::move(message);
}

void set_duration(json::object& out, std::string_view key, std::chrono::nanoseconds duration) {
    if (duration.count() > 0) out[key] = duration.count();
}

void set_end(json::object& out, std::string_view finish_reason, const std::optional<llm::Usage>& usage,
             const Durations& durations) {
    out["done"] = true;
    out["done_reason"] = finish_reason == "length" ? "length" : "stop";
    set_duration(out, "total_duration", durations.total);
    set_duration(out, "load_duration", durations.load);
    if (usage) out["prompt_eval_count"] = usage->prompt_tokens;
    set_duration(out, "prompt_eval_duration", durations.prompt_eval);
    if (usage) out["eval_count"] = usage->completion_tokens;
    set_duration(out, "eval_duration", durations.eval);
}

json::object tool_call(std::string_view id, std::string_view name, std::string_view arguments) {
    json::object function;
    function["name"] = name;
    auto parsed = parse_json(arguments);
    function["arguments"] = parsed && parsed->is_object() ? std::move(*parsed) : json::value(json::object{});
    json::object call;
    if (!id.empty()) call["id"] = id;
    call["function"] = std::move(function);
    return call;
}

const json::object* first_choice(const json::object& reply) {
    const auto* choices = array_at(reply, "choices");
    return choices == nullptr || choices->empty() ? nullptr : choices->front().if_object();
}

json::object encode_embeddings(std::string_view model, const json::object& reply, const Durations& durations) {
    json::object out;
    out["model"] = model;
    json::array vectors;
    if (const auto* data = array_at(reply, "data"))
        for (const auto& entry : *data)
            if (const auto* object = entry.if_object())
                if (const auto* vector = array_at(*object, "embedding")) vectors.emplace_back(*vector);
    out["embeddings"] = std::move(vectors);
    set_duration(out, "total_duration", durations.total);
    set_duration(out, "load_duration", durations.load);
    if (const auto usage = llm::usage_of(reply)) out["prompt_eval_count"] = usage->prompt_tokens;
    return out;
}

// OpenAI's "logprobs": {"content": […]} of a choice.
const json::array* logprobs_of(const json::object& choice) {
    const auto* logprobs = object_at(choice, "logprobs");
    return logprobs == nullptr ? nullptr : array_at(*logprobs, "content");
}

// Of a token's facts those that Ollama tells; llama-server adds the token's id.
json::array without_ids(const json::array& content) {
    json::array out;
    for (const auto& entry : content) {
        auto copy = entry;
        if (auto* object = copy.if_object()) {
            object->erase("id");
            if (auto* top = object->if_contains("top_logprobs"); top != nullptr && top->is_array())
                for (auto& other : top->get_array())
                    if (auto* fields = other.if_object()) fields->erase("id");
        }
        out.push_back(std::move(copy));
    }
    return out;
}

void append_line(std::string& out, const json::object& line) {
    out += json::serialize(line);
    out += '\n';
}

}  // namespace

json::object encode_error(const Error& error) {
    json::object out;
    out["error"] = valid_utf8(describe(error));  // it may quote whatever a server or a dying worker said
    // Ollama has no code. Of a stream not even a status line tells this kind, which programs treat differently.
    if (error.code == Code::no_memory) out["code"] = "insufficient_memory";
    return out;
}

std::string encode_time(Moment moment) { return std::format("{:%FT%TZ}", moment); }

json::object encode_reply(Call call, std::string_view model, const json::object& reply, Moment now,
                          const Durations& durations, std::optional<json::array> messages) {
    if (call == Call::embed) return encode_embeddings(model, reply, durations);
    if (call == Call::embeddings) {
        const auto all = encode_embeddings(model, reply, durations);
        const auto& vectors = all.at("embeddings").get_array();
        return {{"embedding", vectors.empty() ? json::value(json::array{}) : vectors.front()}};
    }
    auto out = head_of(model, now);
    const auto* choice = first_choice(reply);
    const auto* message = choice == nullptr ? nullptr : object_at(*choice, "message");
    json::array tool_calls;
    if (const auto* calls = message == nullptr ? nullptr : array_at(*message, "tool_calls"))
        for (const auto& value : *calls)
            if (const auto* entry = value.if_object())
                if (const auto* function = object_at(*entry, "function"))
                    tool_calls.emplace_back(tool_call(string_at(*entry, "id"), string_at(*function, "name"),
                                                      string_at(*function, "arguments")));
    if (message != nullptr)
        set_message(call, out, string_at(*message, "content"), string_at(*message, "reasoning_content"),
                    std::move(tool_calls));
    else
        set_message(call, out, choice == nullptr ? std::string_view{} : string_at(*choice, "text"), {}, {});
    if (choice != nullptr)
        if (const auto* content = logprobs_of(*choice)) out["logprobs"] = without_ids(*content);
    if (messages) out["context"] = encode_context(std::move(*messages), string_at(out, "response"));
    set_end(out, choice == nullptr ? std::string_view{} : string_at(*choice, "finish_reason"), llm::usage_of(reply),
            durations);
    return out;
}

json::object encode_load_reply(Call call, std::string_view model, Action action, Moment now) {
    json::object out;
    if (call == Call::embeddings) return {{"embedding", json::array()}};
    if (call == Call::embed) {
        out["model"] = model;
        out["embeddings"] = json::array();
        return out;
    }
    out = head_of(model, now);
    set_message(call, out, {}, {}, {});
    out["done"] = true;
    out["done_reason"] = action == Action::unload ? "unload" : "load";
    return out;
}

void LineEncoder::collect_tool_calls(const json::array& calls) {
    for (const auto& value : calls) {
        const auto* call = value.if_object();
        const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
        if (function == nullptr) continue;
        auto& collected = tool_calls_[integer_at(*call, "index").value_or(0)];
        collected.id += string_at(*call, "id");
        collected.name += string_at(*function, "name");
        collected.arguments += string_at(*function, "arguments");
    }
}

void LineEncoder::chunk(const json::object& chunk, Moment now, std::string& out) {
    if (const auto usage = llm::usage_of(chunk)) usage_ = usage;
    const auto* choice = first_choice(chunk);
    if (choice == nullptr) return;
    if (const auto reason = string_at(*choice, "finish_reason"); !reason.empty()) finish_reason_ = reason;
    const auto* delta = object_at(*choice, "delta");
    if (delta != nullptr)
        if (const auto* calls = array_at(*delta, "tool_calls")) collect_tool_calls(*calls);
    const auto text = delta == nullptr ? string_at(*choice, "text") : string_at(*delta, "content");
    const auto thinking = delta == nullptr ? std::string_view{} : string_at(*delta, "reasoning_content");
    const auto* logprobs = logprobs_of(*choice);
    if (text.empty() && thinking.empty() && (logprobs == nullptr || logprobs->empty())) return;
    if (messages_) answer_ += text;
    auto line = head_of(model_, now);
    set_message(call_, line, text, thinking, {});
    if (logprobs != nullptr && !logprobs->empty()) line["logprobs"] = without_ids(*logprobs);
    line["done"] = false;
    append_line(out, line);
}

void LineEncoder::heartbeat(Moment now, std::string& out) const {
    auto line = head_of(model_, now);
    set_message(call_, line, {}, {}, {});
    line["done"] = false;
    append_line(out, line);
}

void LineEncoder::finish(Moment now, const Durations& durations, std::string& out) {
    if (!tool_calls_.empty()) {
        json::array calls;
        for (const auto& [index, call] : tool_calls_) calls.emplace_back(tool_call(call.id, call.name, call.arguments));
        auto line = head_of(model_, now);
        set_message(call_, line, {}, {}, std::move(calls));
        line["done"] = false;
        append_line(out, line);
    }
    auto line = head_of(model_, now);
    set_message(call_, line, {}, {}, {});
    if (messages_) line["context"] = encode_context(std::move(*messages_), answer_);
    set_end(line, finish_reason_, usage_, durations);
    append_line(out, line);
}

void LineEncoder::error(const Error& error, std::string& out) { append_line(out, encode_error(error)); }

}  // namespace sarai::protocols::ollama
