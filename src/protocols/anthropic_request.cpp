#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocols/anthropic.hpp"
#include "protocols/anthropic_messages.hpp"
#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::anthropic {
namespace {

constexpr unsigned create = 1;
constexpr unsigned count = 2;
constexpr unsigned both = create | count;

// Ranges as in Anthropic's reference.
constexpr std::array rules{
    FieldRule{"max_tokens", FieldKind::integer, create, 1, no_limit},
    FieldRule{"temperature", FieldKind::number, create, 0, 1},
    FieldRule{"top_p", FieldKind::number, create, 0, 1},
    FieldRule{"top_k", FieldKind::integer, create, 0, no_limit},
    FieldRule{"stream", FieldKind::boolean, create},
    FieldRule{"tools", FieldKind::objects, both},
    FieldRule{"tool_choice", FieldKind::object, both},
    FieldRule{"thinking", FieldKind::object, both},
    FieldRule{"output_config", FieldKind::object, both},
    FieldRule{"metadata", FieldKind::object, create},
};

// Translated below, or about Anthropic's own servers: another server could take the name for something of its own.
// Every other member goes along untouched.
constexpr std::array<std::string_view, 20> handled{
    "messages",           "system",        "stop_sequences", "stream",         "tools",
    "tool_choice",        "thinking",      "output_config",  "output_format",  "metadata",
    "service_tier",       "cache_control", "container",      "mcp_servers",    "inference_geo",
    "context_management", "betas",         "speed",          "anthropic_beta", "anthropic_version"};

std::unexpected<Error> unsupported(std::string field, std::string message) {
    return std::unexpected(Error{.code = Code::unsupported, .message = std::move(message), .field = std::move(field)});
}

Result<void> take_stop(const json::object& from, json::object& body) {
    const auto* stop = find(from, "stop_sequences");
    if (stop == nullptr) return {};
    if (!stop->is_array() || !all_strings(stop->get_array()))
        return wrong("stop_sequences", stop, "an array of strings");
    if (!stop->get_array().empty()) body["stop"] = *stop;
    return {};
}

Result<json::object> tool_of(const json::object& tool, const std::string& path) {
    const auto* type = find(tool, "type");
    if (type != nullptr && (!type->is_string() || type->get_string() != "custom"))
        return unsupported(path + ".type",
                           fmt::format("'{}.type' is {}; a tool that Anthropic's servers or models bring "
                                       "along does not exist here, expected one with an input_schema",
                                       path, excerpt(*type)));
    const auto name = string_at(tool, "name");
    if (name.empty()) return wrong(path + ".name", find(tool, "name"), "a string");
    const auto* schema = object_at(tool, "input_schema");
    if (schema == nullptr) return wrong(path + ".input_schema", find(tool, "input_schema"), "a JSON schema");
    json::object function{{"name", name}};
    if (const auto description = string_at(tool, "description"); !description.empty())
        function["description"] = description;
    function["parameters"] = *schema;
    if (true_at(tool, "strict")) function["strict"] = true;
    return json::object{{"type", "function"}, {"function", std::move(function)}};
}

Result<void> take_tools(const json::object& from, json::object& body) {
    if (const auto* servers = array_at(from, "mcp_servers"); servers != nullptr && !servers->empty())
        return unsupported("mcp_servers",
                           "'mcp_servers' is given; this server calls no tools itself, expected tools that "
                           "the client runs");
    const auto* tools = array_at(from, "tools");
    if (tools == nullptr || tools->empty()) return {};
    json::array out;
    for (std::size_t i = 0; i < tools->size(); ++i) {
        auto tool = tool_of((*tools)[i].get_object(), fmt::format("tools[{}]", i));
        if (!tool) return std::unexpected(tool.error());
        out.emplace_back(std::move(*tool));
    }
    body["tools"] = std::move(out);
    return {};
}

Result<void> take_tool_choice(const json::object& from, json::object& body) {
    const auto* choice = object_at(from, "tool_choice");
    if (choice == nullptr) return {};
    const auto type = string_at(*choice, "type");
    const auto name = string_at(*choice, "name");
    if (type != "auto" && type != "any" && type != "tool" && type != "none")
        return wrong("tool_choice.type", find(*choice, "type"), "\"auto\", \"any\", \"tool\" or \"none\"");
    if (type == "tool" && name.empty()) return wrong("tool_choice.name", find(*choice, "name"), "the name of a tool");
    if (!body.contains("tools")) {  // a choice without tools is refused by OpenAI's servers
        if (type == "any" || type == "tool")
            return wrong("tools", find(from, "tools"), "at least one tool, since tool_choice demands its use");
        return {};
    }
    if (type == "tool")
        body["tool_choice"] = json::object{{"type", "function"}, {"function", json::object{{"name", name}}}};
    else
        body["tool_choice"] = type == "any" ? "required" : type;
    if (true_at(*choice, "disable_parallel_tool_use")) body["parallel_tool_calls"] = false;
    return {};
}

// "enabled" and "disabled" go to the chat template; "adaptive" leaves it to the model, as saying nothing does.
Result<void> take_thinking(const json::object& from, json::object& body) {
    const auto* thinking = object_at(from, "thinking");
    if (thinking == nullptr) return {};
    const auto type = string_at(*thinking, "type");
    if (type == "adaptive") return {};
    if (type != "enabled" && type != "disabled")
        return wrong("thinking.type", find(*thinking, "type"), "\"enabled\", \"disabled\" or \"adaptive\"");
    body["chat_template_kwargs"] = json::object{{"enable_thinking", type == "enabled"}};
    if (type == "disabled") return {};
    const auto* budget = find(*thinking, "budget_tokens");
    if (budget == nullptr) return {};
    const auto tokens = integer_of(*budget);
    if (!tokens || *tokens < 1) return wrong("thinking.budget_tokens", budget, "an integer of at least 1");
    body["thinking_budget_tokens"] = *tokens;  // as llama-server calls it
    return {};
}

Result<void> take_format(const json::object& format, const std::string& path, json::object& body) {
    if (string_at(format, "type") != "json_schema")
        return wrong(path + ".type", find(format, "type"), "\"json_schema\"");
    const auto* schema = object_at(format, "schema");
    if (schema == nullptr) return wrong(path + ".schema", find(format, "schema"), "a JSON schema");
    json::object named{{"name", "answer"}, {"schema", *schema}, {"strict", true}};
    body["response_format"] = json::object{{"type", "json_schema"}, {"json_schema", std::move(named)}};
    return {};
}

Result<void> take_output_config(const json::object& from, json::object& body) {
    // The name that the format had while it was in beta.
    if (const auto* format = object_at(from, "output_format"))
        if (auto taken = take_format(*format, "output_format", body); !taken) return taken;
    const auto* config = object_at(from, "output_config");
    if (config == nullptr) return {};
    if (const auto* format = find(*config, "format"); format != nullptr) {
        if (!format->is_object()) return wrong("output_config.format", format, "an object with type and schema");
        if (auto taken = take_format(format->get_object(), "output_config.format", body); !taken) return taken;
    }
    const auto* effort = find(*config, "effort");
    if (effort == nullptr) return {};
    constexpr std::array<std::string_view, 5> levels{"low", "medium", "high", "xhigh", "max"};
    const auto* given = effort->if_string();
    const auto level = given == nullptr ? levels.end() : std::ranges::find(levels, std::string_view(*given));
    if (level == levels.end()) return wrong("output_config.effort", effort, "low, medium, high, xhigh or max");
    // Of a model that is not to think it would only ask for thinking.
    if (const auto* thinking = object_at(from, "thinking");
        thinking != nullptr && string_at(*thinking, "type") == "disabled")
        return {};
    body["reasoning_effort"] = *level == "xhigh" || *level == "max" ? "high" : *level;  // the most that all know
    return {};
}

Result<llm::Request> decode(unsigned call, std::string_view text) {
    const auto parsed = parse_body(text);
    if (!parsed) return std::unexpected(parsed.error());
    const auto& from = *parsed;
    const auto model = string_at(from, "model");
    if (model.empty()) return wrong("model", find(from, "model"), "the name of a model");
    if (auto checked = check_fields(from, rules, call); !checked) return std::unexpected(checked.error());
    if (call == create && find(from, "max_tokens") == nullptr)
        return wrong("max_tokens", nullptr, "an integer of at least 1");

    llm::Request request{.task = llm::Task::chat,
                         .model = std::string(model),
                         .stream = call == create && true_at(from, "stream"),
                         .body = {}};
    auto& body = request.body;
    for (const auto& [key, member] : from)
        if (!member.is_null() && std::ranges::find(handled, std::string_view(key)) == handled.end()) body[key] = member;
    auto messages = decode_messages(from);
    if (!messages) return std::unexpected(messages.error());
    body["messages"] = std::move(*messages);
    for (const auto take : {take_stop, take_tools, take_tool_choice, take_thinking, take_output_config})
        if (auto taken = take(from, body); !taken) return std::unexpected(taken.error());
    if (const auto* metadata = object_at(from, "metadata"))
        if (const auto user = string_at(*metadata, "user_id"); !user.empty()) body["user"] = user;
    if (call == count) return request;
    body["stream"] = request.stream;
    if (request.stream) body["stream_options"] = json::object{{"include_usage", true}};  // for message_delta
    return request;
}

}  // namespace

Result<llm::Request> decode_request(std::string_view body) { return decode(create, body); }
Result<llm::Request> decode_count_request(std::string_view body) { return decode(count, body); }

std::string_view prefill_of(const llm::Request& request) {
    const auto* messages = array_at(request.body, "messages");
    const auto* last = messages == nullptr || messages->empty() ? nullptr : messages->back().if_object();
    if (last == nullptr || string_at(*last, "role") != "assistant" || last->contains("tool_calls")) return {};
    return string_at(*last, "content");
}

}  // namespace sarai::protocols::anthropic
