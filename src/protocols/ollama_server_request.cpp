#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <deque>

#include "protocols/go_json.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama_context.hpp"
#include "protocols/ollama_options.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"

namespace sarai::protocols::ollama {
namespace {

constexpr std::array chat_fields{go::Field{"model", "string"}, go::Field{"messages", "[]api.Message"},
                                 go::Field{"stream", "bool"}, go::Field{"tools", "[]api.Tool"},
                                 go::Field{"options", "map[string]interface {}"}};
constexpr std::array generate_fields{go::Field{"model", "string"},
                                     go::Field{"prompt", "string"},
                                     go::Field{"suffix", "string"},
                                     go::Field{"system", "string"},
                                     go::Field{"template", "string"},
                                     go::Field{"stream", "bool"},
                                     go::Field{"raw", "bool"},
                                     go::Field{"images", "[]api.ImageData"},
                                     go::Field{"options", "map[string]interface {}"}};
constexpr std::array embed_fields{go::Field{"model", "string"}, go::Field{"truncate", "bool"},
                                  go::Field{"options", "map[string]interface {}"}};
constexpr std::array embeddings_fields{go::Field{"model", "string"}, go::Field{"prompt", "string"},
                                       go::Field{"options", "map[string]interface {}"}};
constexpr std::array message_fields{go::Field{"role", "string"}, go::Field{"content", "string"},
                                    go::Field{"thinking", "string"}, go::Field{"images", "[]api.ImageData"},
                                    go::Field{"tool_calls", "[]api.ToolCall"}};

// Translated below or without meaning here; every other member goes along untouched.
constexpr std::array<std::string_view, 14> handled{"model",  "messages", "prompt", "system",  "template",
                                                   "suffix", "raw",      "images", "context", "options",
                                                   "format", "think",    "stream", "input"};

bool contains(auto& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

std::unexpected<Error> no_model(Call call, std::string_view name) {
    if (call == Call::chat) return fail_field("model", "model is required");
    return std::unexpected(
        Error{.code = Code::not_found, .message = fmt::format("model '{}' not found", name), .field = "model"});
}

std::string data_url(std::string_view base64) {
    // The first bytes of each format, seen through base64.
    std::string_view type = "image/*";  // whoever reads it will see
    if (base64.starts_with("iVBORw"))
        type = "image/png";
    else if (base64.starts_with("/9j/"))
        type = "image/jpeg";
    else if (base64.starts_with("R0lGOD"))
        type = "image/gif";
    else if (base64.starts_with("UklGR"))
        type = "image/webp";
    return fmt::format("data:{};base64,{}", type, base64);
}

json::value content_with(std::string_view text, const json::array* images) {
    if (images == nullptr || images->empty()) return json::value(text);
    json::array parts;
    if (!text.empty()) parts.emplace_back(json::object{{"type", "text"}, {"text", text}});
    for (const auto& image : *images) {
        if (!image.is_string()) continue;
        json::object url{{"url", data_url(image.get_string())}};
        parts.emplace_back(json::object{{"type", "image_url"}, {"image_url", std::move(url)}});
    }
    return parts;
}

struct OpenCall {
    std::string id;
    std::string name;
};

// Ollama's tool calls need no ids and its tool messages refer to them by name or by order; OpenAI's need both.
json::array tool_calls_of(const json::array& calls, std::deque<OpenCall>& open, int& count) {
    json::array out;
    for (const auto& value : calls) {
        const auto* call = value.if_object();
        const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
        if (function == nullptr) continue;
        std::string id(string_at(*call, "id"));
        if (id.empty()) id = fmt::format("call_{}", count);
        ++count;
        const auto name = string_at(*function, "name");
        const auto* arguments = find(*function, "arguments");
        json::object named{{"name", name}, {"arguments", arguments == nullptr ? "{}" : json::serialize(*arguments)}};
        out.emplace_back(json::object{{"id", id}, {"type", "function"}, {"function", std::move(named)}});
        open.push_back({.id = std::move(id), .name = std::string(name)});
    }
    return out;
}

std::string answered_call(const json::object& message, std::deque<OpenCall>& open) {
    if (const auto id = string_at(message, "tool_call_id"); !id.empty()) return std::string(id);
    const auto name = string_at(message, "tool_name");
    auto found = std::ranges::find(open, name, &OpenCall::name);
    if (found == open.end()) found = open.begin();
    if (found == open.end()) return "call_0";
    auto id = std::move(found->id);
    open.erase(found);
    return id;
}

Result<json::array> messages_of(const json::array& messages) {
    json::array out;
    std::deque<OpenCall> open;
    int count = 0;
    for (const auto& value : messages) {
        const auto* message = value.if_object();
        if (message == nullptr)
            return fail_field("messages",
                              fmt::format("json: cannot unmarshal {} into Go struct field ChatRequest.messages "
                                          "of type api.Message",
                                          go::name_of_kind(value)));
        if (auto checked = go::check_fields(*message, "ChatRequest.messages", message_fields); !checked)
            return std::unexpected(checked.error());
        json::object copy;
        const auto role = string_at(*message, "role");
        copy["role"] = role;
        copy["content"] = content_with(string_at(*message, "content"), array_at(*message, "images"));
        if (const auto thinking = string_at(*message, "thinking"); !thinking.empty())
            copy["reasoning_content"] = thinking;
        if (const auto* calls = array_at(*message, "tool_calls"); calls != nullptr)
            if (auto known = tool_calls_of(*calls, open, count); !known.empty()) copy["tool_calls"] = std::move(known);
        if (role == "tool") copy["tool_call_id"] = answered_call(*message, open);
        out.emplace_back(std::move(copy));
    }
    return out;
}

Result<void> take_options(const json::object& from, json::object& body) {
    const auto* options = object_at(from, "options");
    if (options == nullptr) return {};
    json::object others;
    for (const auto& [key, value] : *options) {
        const std::string_view name = key;
        if (value.is_null()) continue;
        const auto type = type_of_option(name);
        if (type && !fits(*type, value))
            return fail_field(fmt::format("options.{}", name),
                              fmt::format("option \"{}\" must be of type {}", name, name_of(*type)));
        if (name == "num_predict") {  // negative: until the model stops
            if (const auto limit = value.try_to_number<std::int64_t>(); limit && *limit >= 0)
                body["max_tokens"] = *limit;
        } else if (type) {
            body[key] = value;
        } else {  // not known here; an Ollama upstream may know it
            others[key] = value;
        }
    }
    if (!others.empty()) body["options"] = std::move(others);
    return {};
}

Result<void> take_format(const json::object& from, json::object& body) {
    const auto* format = find(from, "format");
    if (format == nullptr || (format->is_string() && format->get_string().empty())) return {};
    if (format->is_string() && format->get_string() == "json") {
        body["response_format"] = json::object{{"type", "json_object"}};
    } else if (format->is_object()) {
        json::object schema{{"name", "answer"}, {"schema", *format}};
        body["response_format"] = json::object{{"type", "json_schema"}, {"json_schema", std::move(schema)}};
    } else {
        return fail_field("format", fmt::format("invalid format: {}; expected \"json\" or a valid JSON Schema object",
                                                excerpt(*format)));
    }
    return {};
}

Result<void> take_thinking(const json::object& from, json::object& body) {
    const auto* think = find(from, "think");
    if (think == nullptr) return {};
    if (think->is_bool())
        body["chat_template_kwargs"] = json::object{{"enable_thinking", *think}};
    else if (think->is_string()) {
        body["reasoning_effort"] = *think;
        body["chat_template_kwargs"] = json::object{{"enable_thinking", true}};
    } else
        return fail_field("think", "think must be a boolean or string (\"high\", \"medium\", \"low\", true, or false)");
    return {};
}

// How long the model is to stay: seconds as a number, or a duration as Go writes it; below 0: for ever.
Result<std::optional<std::chrono::milliseconds>> keep_alive_of(const json::object& from) {
    constexpr auto for_ever = std::chrono::milliseconds(-1);
    constexpr double longest = 100.0 * 365 * 24 * 3600;  // seconds
    const auto* keep = find(from, "keep_alive");
    if (keep == nullptr) return std::nullopt;
    if (keep->is_number()) {
        const auto seconds = keep->to_number<double>();
        if (seconds < 0 || seconds > longest) return for_ever;
        return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
    }
    if (!keep->is_string())
        return fail_field("keep_alive", fmt::format("Unsupported type: {}", go::name_of_kind(*keep)));
    const auto duration = go::parse_duration(keep->get_string());
    if (!duration) return std::unexpected(duration.error());
    if (duration->count() < 0) return for_ever;
    return std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
}

// The messages, prompt or input; true if there are any.
Result<bool> take_content(ServerRequest& out, const json::object& from) {
    auto& body = out.request.body;
    switch (out.call) {
        case Call::chat: {
            const auto* messages = array_at(from, "messages");
            if (messages == nullptr || messages->empty()) return false;
            auto translated = messages_of(*messages);
            if (!translated) return std::unexpected(translated.error());
            body["messages"] = std::move(*translated);
            return true;
        }
        case Call::generate: {
            if (!string_at(from, "template").empty())
                return std::unexpected(Error{
                    .code = Code::unsupported, .message = "'template' is not supported here", .field = "template"});
            const auto prompt = string_at(from, "prompt");
            const auto* images = array_at(from, "images");
            if (prompt.empty() && (images == nullptr || images->empty())) return false;
            if (const auto suffix = string_at(from, "suffix"); true_at(from, "raw") || !suffix.empty()) {
                out.request.task = llm::Task::completion;
                body["prompt"] = prompt;
                if (!suffix.empty()) body["suffix"] = suffix;
                return true;
            }
            json::array messages;
            if (const auto* given = find(from, "context"); given != nullptr) {
                auto before = decode_context(*given);
                if (!before) return std::unexpected(before.error());
                messages = std::move(*before);
            }
            if (const auto system = string_at(from, "system"); !system.empty())
                messages.emplace_back(json::object{{"role", "system"}, {"content", system}});
            messages.emplace_back(json::object{{"role", "user"}, {"content", content_with(prompt, images)}});
            body["messages"] = std::move(messages);
            return true;
        }
        case Call::embeddings: {
            out.request.task = llm::Task::embedding;
            const auto prompt = string_at(from, "prompt");
            body["input"] = prompt;
            return !prompt.empty();
        }
        case Call::embed: {
            out.request.task = llm::Task::embedding;
            const auto* input = find(from, "input");
            if (input == nullptr) return false;
            const auto* texts = input->if_array();
            const bool all_texts =
                texts != nullptr && std::ranges::all_of(*texts, [](const auto& v) { return v.is_string(); });
            if (!input->is_string() && !all_texts) return fail_field("input", "invalid input type");
            if (texts != nullptr && texts->size() > openai::most_inputs)
                return fail_field("input", fmt::format("'input' has {} elements; expected at most {}", texts->size(),
                                                       openai::most_inputs));
            if (input->is_string() ? input->get_string().empty() : texts->empty()) return false;
            body["input"] = *input;
            body["truncate"] = true;  // unless the client says otherwise
            return true;
        }
    }
    return false;
}

std::span<const go::Field> fields_of(Call call) {
    switch (call) {
        case Call::chat: return chat_fields;
        case Call::generate: return generate_fields;
        case Call::embed: return embed_fields;
        case Call::embeddings: return embeddings_fields;
    }
    return chat_fields;
}

std::string_view type_of(Call call) {
    switch (call) {
        case Call::chat: return "ChatRequest";
        case Call::generate: return "GenerateRequest";
        case Call::embed: return "EmbedRequest";
        case Call::embeddings: return "EmbeddingRequest";
    }
    return "ChatRequest";
}

}  // namespace

Result<ServerRequest> decode_request(Call call, std::string_view text) {
    if (text.empty()) return fail(Code::invalid_argument, "missing request body");
    if (has_more_values(text)) return fail(Code::too_large, "the body has more than a million JSON values");
    const auto value = parse_json(text);
    if (!value)
        return fail(Code::invalid_argument,
                    value.error().incomplete ? "unexpected EOF" : describe(value.error(), text));
    const auto* from = value->if_object();
    if (from == nullptr)
        return fail(Code::invalid_argument, fmt::format("json: cannot unmarshal {} into Go value of type api.{}",
                                                        go::name_of_kind(*value), type_of(call)));
    if (auto checked = go::check_fields(*from, type_of(call), fields_of(call)); !checked)
        return std::unexpected(checked.error());
    const auto keep_alive = keep_alive_of(*from);
    if (!keep_alive) return std::unexpected(keep_alive.error());
    const auto model = string_at(*from, "model");
    if (model.empty()) return no_model(call, model);

    ServerRequest out{.call = call,
                      .action = Action::run,
                      .request = {.task = llm::Task::chat, .model = std::string(model), .body = {}}};
    auto& request = out.request;
    const auto has_content = take_content(out, *from);
    if (!has_content) return std::unexpected(has_content.error());
    request.body["model"] = model;
    request.keep_alive = *keep_alive;
    if (!*has_content) {
        const bool goes = *keep_alive && (*keep_alive)->count() == 0;
        out.action = goes ? Action::unload : Action::load;
        return out;
    }
    if (auto taken = take_options(*from, request.body); !taken) return std::unexpected(taken.error());
    for (const auto& [key, member] : *from)
        if (!contains(handled, key)) request.body[key] = member;
    if (request.task == llm::Task::embedding) return out;
    if (auto taken = take_format(*from, request.body); !taken) return std::unexpected(taken.error());
    if (auto taken = take_thinking(*from, request.body); !taken) return std::unexpected(taken.error());
    const auto* stream = find(*from, "stream");
    request.stream = stream == nullptr || stream->get_bool();
    request.body["stream"] = request.stream;
    if (request.stream) request.body["stream_options"] = json::object{{"include_usage", true}};  // for the last line
    return out;
}

}  // namespace sarai::protocols::ollama
