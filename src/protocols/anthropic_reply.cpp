#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "protocols/anthropic.hpp"
#include "protocols/anthropic_message.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::anthropic {
namespace {

constexpr std::string_view neutral_prefix = "chatcmpl-";

std::string_view bare(std::string_view id) {
    return id.starts_with(neutral_prefix) ? id.substr(neutral_prefix.size()) : id;
}

std::string_view type_of(Code code) {
    switch (code) {
        case Code::invalid_argument:
        case Code::too_long:
        case Code::method_not_allowed:
        case Code::unsupported_media:
        case Code::unsupported: return "invalid_request_error";
        case Code::unauthorized: return "authentication_error";
        case Code::forbidden: return "permission_error";
        case Code::not_found: return "not_found_error";
        case Code::too_large: return "request_too_large";
        case Code::rate_limited: return "rate_limit_error";
        case Code::no_memory:
        case Code::busy:
        case Code::loading: return "overloaded_error";
        case Code::slow_request:
        case Code::timeout: return "timeout_error";
        case Code::unavailable:
        case Code::upstream:
        case Code::denied_upstream:  // our key was refused, not the client's
        case Code::cancelled:
        case Code::corrupt_file:
        case Code::io:
        case Code::internal: return "api_error";
    }
    return "api_error";
}

}  // namespace

json::object usage_json(const std::optional<llm::Usage>& usage) {
    const auto counts = usage.value_or(llm::Usage{});
    return {{"input_tokens", std::max<std::int64_t>(0, counts.prompt_tokens - counts.cached_tokens)},
            {"cache_creation_input_tokens", 0},
            {"cache_read_input_tokens", counts.cached_tokens},
            {"output_tokens", counts.completion_tokens}};
}

json::object message_of(std::string_view id, std::string_view model, const std::optional<llm::Usage>& usage) {
    return {{"id", fmt::format("msg_{}", bare(id))},
            {"type", "message"},
            {"role", "assistant"},
            {"model", model},
            {"content", json::array()},
            {"stop_reason", nullptr},
            {"stop_sequence", nullptr},
            {"usage", usage_json(usage)}};
}

const json::object* first_choice(const json::object& reply) {
    const auto* choices = array_at(reply, "choices");
    return choices == nullptr || choices->empty() ? nullptr : choices->front().if_object();
}

std::string_view stop_sequence_of(const json::object& choice) {
    // As vLLM, SGLang and llama-server's own API call it; token ids are no sequences.
    for (const auto* key : {"stop_reason", "matched_stop", "stopping_word"})
        if (const auto text = string_at(choice, key); !text.empty()) return text;
    return {};
}

void set_end(json::object& out, const End& end) {
    std::string_view reason = "end_turn";
    if (end.refused || end.finish_reason == "content_filter")
        reason = "refusal";
    else if (end.finish_reason == "length")
        reason = "max_tokens";
    else if (end.called)  // some servers say "stop" here
        reason = "tool_use";
    else if (!end.stop_sequence.empty())
        reason = "stop_sequence";
    out["stop_reason"] = reason;
    out["stop_sequence"] = reason == "stop_sequence" ? json::value(end.stop_sequence) : json::value(nullptr);
}

json::object input_of(std::string_view arguments) {
    auto parsed = parse_json(arguments);
    return parsed && parsed->is_object() ? std::move(parsed->get_object()) : json::object();
}

json::object tool_use(std::string_view id, std::string_view name, json::object input) {
    return {{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", std::move(input)}};
}

std::string call_id(std::string_view message_id, std::size_t place) {
    return fmt::format("toolu_{}_{}", bare(message_id), place);
}

json::object encode_reply(std::string_view model, const json::object& reply, std::string_view prefill) {
    const auto id = string_at(reply, "id");
    auto out = message_of(id, model, llm::usage_of(reply));
    auto& content = out["content"].get_array();
    const auto* choice = first_choice(reply);
    End end;
    if (choice != nullptr)
        end = {.finish_reason = string_at(*choice, "finish_reason"), .stop_sequence = stop_sequence_of(*choice)};
    if (const auto* message = choice == nullptr ? nullptr : object_at(*choice, "message")) {
        auto thinking = string_at(*message, "reasoning_content");
        if (thinking.empty()) thinking = string_at(*message, "reasoning");
        if (!thinking.empty())
            content.emplace_back(json::object{{"type", "thinking"}, {"thinking", thinking}, {"signature", ""}});
        auto text = string_at(*message, "content");
        if (text.starts_with(prefill)) text.remove_prefix(prefill.size());
        const auto refusal = string_at(*message, "refusal");
        end.refused = !refusal.empty();
        for (const auto part : {text, refusal})
            if (!part.empty()) content.emplace_back(json::object{{"type", "text"}, {"text", part}});
        if (const auto* calls = array_at(*message, "tool_calls"))
            for (const auto& value : *calls) {
                const auto* call = value.if_object();
                const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
                if (function == nullptr) continue;
                std::string own(string_at(*call, "id"));
                if (own.empty()) own = call_id(id, content.size());
                content.emplace_back(
                    tool_use(own, string_at(*function, "name"), input_of(string_at(*function, "arguments"))));
                end.called = true;
            }
    }
    set_end(out, end);
    for (const auto& [key, value] : reply)
        if (key.starts_with("sarai_")) out[key] = value;
    return out;
}

json::object encode_error(const Error& error, std::string_view request_id) {
    auto message = valid_utf8(describe(error));
    // Its clients know by these words that a conversation must be made shorter.
    if (error.code == Code::too_long) message.insert(0, "prompt is too long: ");
    json::object out{{"type", "error"}, {"error", json::object{{"type", type_of(error.code)}, {"message", message}}}};
    if (!request_id.empty()) out["request_id"] = request_id;
    return out;
}

}  // namespace sarai::protocols::anthropic
