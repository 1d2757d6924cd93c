#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "protocols/json.hpp"
#include "protocols/ollama.hpp"
#include "protocols/upstream_error.hpp"
#include "protocols/vectors.hpp"

namespace sarai::protocols::ollama {
namespace {

Result<json::object> decode_object(std::string_view text, std::string_view model) {
    auto value = parse_json(text);
    if (!value || !value->is_object())
        return fail(Code::upstream,
                    fmt::format("the server sent something that is not a JSON object: {}", excerpt(text)));
    auto& object = value->get_object();
    if (const auto* error = find(object, "error"); error != nullptr) return std::unexpected(error_of(*error, model));
    return std::move(object);
}

json::object usage_of(const json::object& reply, bool generated) {
    const auto prompt = count_at(reply, "prompt_eval_count");
    const auto answer = count_at(reply, "eval_count");
    json::object usage;
    usage["prompt_tokens"] = prompt;
    if (generated) usage["completion_tokens"] = answer;
    usage["total_tokens"] = prompt + answer;
    return usage;
}

// Nanoseconds → llama-server's "timings" (milliseconds), which the rest of sarai reads.
json::object timings_of(const json::object& reply) {
    json::object timings;
    const auto set = [&](std::string_view from, std::string_view to) {
        const auto ns = integer_at(reply, from);
        if (ns) timings[to] = static_cast<double>(*ns) / 1e6;
        return ns.value_or(0);
    };
    const auto count = [&](std::string_view from, std::string_view to, std::string_view rate, std::int64_t ns) {
        const auto tokens = integer_at(reply, from);
        if (!tokens) return;
        timings[to] = *tokens;
        if (ns > 0) timings[rate] = static_cast<double>(*tokens) * 1e9 / static_cast<double>(ns);
    };
    count("prompt_eval_count", "prompt_n", "prompt_per_second", set("prompt_eval_duration", "prompt_ms"));
    count("eval_count", "predicted_n", "predicted_per_second", set("eval_duration", "predicted_ms"));
    set("load_duration", "load_ms");
    set("total_duration", "total_ms");
    return timings;
}

std::string_view finish_reason_of(const json::object& reply, bool called_tools) {
    const auto reason = string_at(reply, "done_reason");
    if (called_tools && reason != "length") return "tool_calls";
    if (reason.empty() || reason == "load" || reason == "unload") return "stop";
    return reason;
}

json::array tool_calls_of(const json::array& calls, const std::string& id, std::int64_t& count) {
    json::array out;
    for (const auto& value : calls) {
        const auto* call = value.if_object();
        const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
        if (function == nullptr) continue;
        json::object named;
        named["name"] = string_at(*function, "name");
        const auto* arguments = find(*function, "arguments");
        named["arguments"] = arguments == nullptr     ? std::string("{}")
                             : arguments->is_string() ? std::string(arguments->get_string())
                                                      : json::serialize(*arguments);
        json::object entry;
        entry["index"] = count;
        const auto own = string_at(*call, "id");
        entry["id"] = own.empty() ? fmt::format("call_{}_{}", id, count) : std::string(own);
        entry["type"] = "function";
        entry["function"] = std::move(named);
        out.emplace_back(std::move(entry));
        ++count;
    }
    return out;
}

// Takes text, thinking and tool calls of a reply or line into an OpenAI message or delta. Empty texts are left out.
void take_message(const json::object& reply, json::object& message, const std::string& id, std::int64_t& tool_calls) {
    const auto* inner = object_at(reply, "message");
    const auto text = inner != nullptr ? string_at(*inner, "content") : string_at(reply, "response");
    const auto& holder = inner != nullptr ? *inner : reply;
    if (!text.empty()) message["content"] = text;
    if (const auto thinking = string_at(holder, "thinking"); !thinking.empty()) message["reasoning_content"] = thinking;
    if (const auto* calls = array_at(holder, "tool_calls"); calls != nullptr && !calls->empty())
        message["tool_calls"] = tool_calls_of(*calls, id, tool_calls);
}

void take_logprobs(const json::object& reply, json::object& choice) {
    const auto* logprobs = array_at(reply, "logprobs");
    if (logprobs == nullptr) return;
    json::object wrapped;
    wrapped["content"] = *logprobs;
    choice["logprobs"] = std::move(wrapped);
}

std::string_view object_name(llm::Task task, bool chunk) {
    if (task == llm::Task::completion) return "text_completion";
    return chunk ? "chat.completion.chunk" : "chat.completion";
}

json::object head_of(const ReplyContext& context, bool chunk) {
    json::object head;
    head["id"] = context.id;
    head["object"] = object_name(context.task, chunk);
    head["created"] = context.created;
    head["model"] = context.model;
    return head;
}

Result<json::object> embedding_list(const json::object& reply, const ReplyContext& context) {
    const auto* vectors = array_at(reply, "embeddings");
    if (vectors == nullptr) return fail(Code::upstream, "the server's reply has no embeddings");
    json::array data;
    for (const auto& vector : *vectors) {
        if (!vector.is_array()) return fail(Code::upstream, "the server's reply has an embedding that is no array");
        json::object entry;
        entry["object"] = "embedding";
        entry["index"] = data.size();
        entry["embedding"] = context.base64 ? packed(vector.get_array()) : vector;
        data.emplace_back(std::move(entry));
    }
    json::object list;
    list["object"] = "list";
    list["data"] = std::move(data);
    list["model"] = context.model;
    list["usage"] = usage_of(reply, false);
    list["timings"] = timings_of(reply);
    return list;
}

}  // namespace

ReplyContext context_of(const llm::Request& request, std::int64_t created) {
    ReplyContext context{.task = request.task, .id = {}, .model = request.model, .created = created};
    context.id = fmt::format("{}-{}", request.task == llm::Task::chat ? "chatcmpl" : "cmpl",
                             request.id.empty() ? std::string_view("0") : std::string_view(request.id));
    if (const auto* options = object_at(request.body, "stream_options"))
        context.include_usage = true_at(*options, "include_usage");
    context.base64 = string_at(request.body, "encoding_format") == "base64";
    return context;
}

Result<json::object> decode_reply(std::string_view body, const ReplyContext& context) {
    auto reply = decode_object(body, context.model);
    if (!reply) return reply;
    if (context.task == llm::Task::embedding) return embedding_list(*reply, context);
    if (!true_at(*reply, "done")) return fail(Code::upstream, "the server's reply ends before its answer was done");

    std::int64_t tool_calls = 0;
    json::object message;
    message["role"] = "assistant";
    message["content"] = "";
    take_message(*reply, message, context.id, tool_calls);
    json::object choice;
    choice["index"] = 0;
    if (context.task == llm::Task::completion)
        choice["text"] = message["content"];
    else
        choice["message"] = std::move(message);
    choice["finish_reason"] = finish_reason_of(*reply, tool_calls > 0);
    take_logprobs(*reply, choice);

    auto result = head_of(context, false);
    json::array choices;
    choices.emplace_back(std::move(choice));
    result["choices"] = std::move(choices);
    result["usage"] = usage_of(*reply, true);
    result["timings"] = timings_of(*reply);
    return result;
}

json::object StreamDecoder::chunk_with(json::array choices) const {
    auto chunk = head_of(context_, true);
    chunk["choices"] = std::move(choices);
    return chunk;
}

json::object StreamDecoder::choice_of(const json::object& reply) {
    json::object delta;
    if (!begun_) delta["role"] = "assistant";
    begun_ = true;
    take_message(reply, delta, context_.id, tool_calls_);
    json::object choice;
    choice["index"] = 0;
    if (context_.task == llm::Task::completion) {
        const auto* text = delta.if_contains("content");
        choice["text"] = text == nullptr ? json::value("") : *text;
    } else {
        choice["delta"] = std::move(delta);
    }
    take_logprobs(reply, choice);
    choice["finish_reason"] = nullptr;
    return choice;
}

Result<void> StreamDecoder::line(std::string_view line, std::vector<llm::StreamEvent>& out) {
    if (line.empty() || ended_) return {};
    const auto reply = decode_object(line, context_.model);
    if (!reply) return std::unexpected(reply.error());
    ended_ = true_at(*reply, "done");

    auto choice = choice_of(*reply);
    if (ended_) choice["finish_reason"] = finish_reason_of(*reply, tool_calls_ > 0);
    json::array choices;
    choices.emplace_back(std::move(choice));
    auto chunk = chunk_with(std::move(choices));
    if (!ended_) {
        out.emplace_back(std::move(chunk));
        return {};
    }
    auto* numbers = &chunk;
    json::object usage;
    if (context_.include_usage) {
        usage = chunk_with({});
        numbers = &usage;
    }
    (*numbers)["usage"] = usage_of(*reply, true);
    (*numbers)["timings"] = timings_of(*reply);
    out.emplace_back(std::move(chunk));
    if (context_.include_usage) out.emplace_back(std::move(usage));
    return {};
}

Result<void> StreamDecoder::close() const {
    if (ended_) return {};
    return fail(Code::unavailable, begun_ ? "the server closed the stream in the middle of its answer"
                                          : "the server closed the stream before its answer began");
}

std::optional<std::vector<std::string>> loaded_models(std::string_view body) {
    const auto parsed = parse_json(body);
    const auto* object = parsed ? parsed->if_object() : nullptr;
    const auto* models = object == nullptr ? nullptr : find(*object, "models");
    if (models == nullptr || !models->is_array()) return std::nullopt;
    std::vector<std::string> names;
    for (const auto& model : models->get_array())
        if (const auto* one = model.if_object())
            if (const auto* name = find(*one, "name"); name != nullptr && name->is_string())
                names.emplace_back(name->get_string());
    return names;
}

}  // namespace sarai::protocols::ollama
