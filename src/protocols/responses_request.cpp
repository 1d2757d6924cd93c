#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "protocols/body.hpp"
#include "protocols/json.hpp"
#include "protocols/responses.hpp"
#include "protocols/responses_items.hpp"

namespace sarai::protocols::responses {
namespace {

// Ranges as in OpenAI's reference.
constexpr std::array rules{
    FieldRule{"instructions", FieldKind::string},
    FieldRule{"max_output_tokens", FieldKind::integer, 1, 1, no_limit},
    FieldRule{"max_tool_calls", FieldKind::integer, 1, 1, no_limit},
    FieldRule{"temperature", FieldKind::number, 1, 0, 2},
    FieldRule{"top_p", FieldKind::number, 1, 0, 1},
    FieldRule{"top_logprobs", FieldKind::integer, 1, 0, 20},
    FieldRule{"parallel_tool_calls", FieldKind::boolean},
    FieldRule{"stream", FieldKind::boolean},
    FieldRule{"stream_options", FieldKind::object},
    FieldRule{"store", FieldKind::boolean},
    FieldRule{"background", FieldKind::boolean},
    FieldRule{"previous_response_id", FieldKind::string},
    FieldRule{"metadata", FieldKind::object},
    FieldRule{"include", FieldKind::strings},
    FieldRule{"reasoning", FieldKind::object},
    FieldRule{"text", FieldKind::object},
    FieldRule{"tools", FieldKind::objects},
    FieldRule{"truncation", FieldKind::string},
    FieldRule{"user", FieldKind::string},
};

// Translated below, of no concern to a backend, or a chat's own form of what is said otherwise here; every other member
// goes along untouched.
constexpr std::array<std::string_view, 23> handled{"model",
                                                   "input",
                                                   "instructions",
                                                   "max_output_tokens",
                                                   "max_tool_calls",
                                                   "stream",
                                                   "stream_options",
                                                   "store",
                                                   "previous_response_id",
                                                   "metadata",
                                                   "include",
                                                   "reasoning",
                                                   "text",
                                                   "tools",
                                                   "tool_choice",
                                                   "truncation",
                                                   "background",
                                                   "conversation",
                                                   "prompt",
                                                   "messages",
                                                   "top_logprobs",
                                                   "parallel_tool_calls",
                                                   "response_format"};

// What a response object repeats, and what it says of it where the request says nothing.
json::object echo_of(const json::object& from) {
    json::object echo;
    for (const auto* key :
         {"instructions", "max_output_tokens", "max_tool_calls", "parallel_tool_calls", "previous_response_id",
          "prompt_cache_key", "reasoning", "safety_identifier", "store", "temperature", "text", "tool_choice", "tools",
          "top_logprobs", "top_p", "truncation", "user", "metadata"}) {
        const auto* given = find(from, key);
        echo[key] = given == nullptr ? json::value() : *given;
    }
    const auto default_to = [&](std::string_view key, json::value value) {
        if (echo[key].is_null()) echo[key] = std::move(value);
    };
    default_to("parallel_tool_calls", true);
    default_to("reasoning", json::object{{"effort", nullptr}, {"summary", nullptr}});
    default_to("store", true);
    default_to("text", json::object{});
    if (auto& text = echo["text"].get_object(); find(text, "format") == nullptr)
        text["format"] = json::object{{"type", "text"}};
    default_to("tool_choice", "auto");
    default_to("tools", json::array());
    default_to("truncation", "disabled");
    default_to("metadata", json::object{});
    return echo;
}

Result<void> check_support(const json::object& from) {
    const auto refuse = [](std::string_view field, std::string_view what) {
        return std::unexpected(Error{.code = Code::unsupported,
                                     .message = fmt::format("'{}' is not supported here: {}", field, what),
                                     .field = std::string(field)});
    };
    if (true_at(from, "background")) return refuse("background", "a response ends with its request");
    if (find(from, "conversation") != nullptr)
        return refuse("conversation", "name the response to go on with in previous_response_id");
    if (find(from, "prompt") != nullptr) return refuse("prompt", "there are no stored prompt templates");
    return {};
}

Result<void> check_rest(const json::object& from) {
    if (const auto truncation = string_at(from, "truncation");
        !truncation.empty() && truncation != "auto" && truncation != "disabled")
        return wrong("truncation", find(from, "truncation"), "\"auto\" or \"disabled\"");
    if (const auto* metadata = object_at(from, "metadata"))
        for (const auto& [key, value] : *metadata)
            if (!value.is_string()) return wrong(fmt::format("metadata.{}", std::string_view(key)), &value, "a string");
    return {};
}

Result<void> take_tools(const json::object& from, json::object& body) {
    const auto* tools = array_at(from, "tools");
    json::array out;
    for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
        const auto path = fmt::format("tools[{}]", i);
        const auto& tool = (*tools)[i].get_object();
        const auto type = string_at(tool, "type");
        if (type.empty()) return wrong(path + ".type", find(tool, "type"), "a string: \"function\"");
        if (type != "function")
            return std::unexpected(Error{
                .code = Code::unsupported,
                .message = fmt::format("'{}.type' is \"{}\", a tool that is not supported here", path, excerpt(type)),
                .hint = "Functions are: describe the tool as one, and run it where the request comes from.",
                .field = path + ".type"});
        if (string_at(tool, "name").empty()) return wrong(path + ".name", find(tool, "name"), "a function's name");
        if (const auto* parameters = find(tool, "parameters"); parameters != nullptr && !parameters->is_object())
            return wrong(path + ".parameters", parameters, "a JSON schema");
        json::object function;
        for (const auto* key : {"name", "description", "parameters", "strict"})
            if (const auto* value = find(tool, key)) function[key] = *value;
        out.emplace_back(json::object{{"type", "function"}, {"function", std::move(function)}});
    }
    if (out.empty()) return {};
    body["tools"] = std::move(out);
    if (const auto* parallel = find(from, "parallel_tool_calls")) body["parallel_tool_calls"] = *parallel;
    return {};
}

Result<void> take_tool_choice(const json::object& from, json::object& body) {
    constexpr std::string_view expected = R"("auto", "none", "required" or {"type": "function", "name": …})";
    const auto* choice = find(from, "tool_choice");
    if (choice == nullptr) return {};
    const auto* tools = array_at(body, "tools");
    if (const auto* word = choice->if_string()) {
        if (*word != "auto" && *word != "none" && *word != "required") return wrong("tool_choice", choice, expected);
        if (tools == nullptr && *word == "required")
            return wrong("tool_choice", choice, "\"auto\" or \"none\" where there are no tools");
        if (tools != nullptr) body["tool_choice"] = *choice;  // servers refuse it without
        return {};
    }
    const auto* object = choice->if_object();
    const auto type = object == nullptr ? std::string_view{} : string_at(*object, "type");
    if (type.empty()) return wrong("tool_choice", choice, expected);
    if (type != "function")
        return std::unexpected(
            Error{.code = Code::unsupported,
                  .message = fmt::format("'tool_choice.type' is \"{}\", which is not supported here; expected {}",
                                         excerpt(type), expected),
                  .field = "tool_choice.type"});
    const auto name = string_at(*object, "name");
    const auto is_called_so = [&](const json::value& tool) {
        return string_at(tool.at("function").as_object(), "name") == name;
    };
    if (name.empty() || tools == nullptr || std::ranges::none_of(*tools, is_called_so))
        return wrong("tool_choice.name", find(*object, "name"), "the name of one of the tools");
    body["tool_choice"] = json::object{{"type", "function"}, {"function", {{"name", name}}}};
    return {};
}

Result<void> take_text(const json::object& from, json::object& body) {
    const auto* text = object_at(from, "text");
    if (text == nullptr) return {};
    if (const auto* verbosity = find(*text, "verbosity")) {
        if (!verbosity->is_string()) return wrong("text.verbosity", verbosity, "\"low\", \"medium\" or \"high\"");
        body["verbosity"] = *verbosity;
    }
    const auto* given = find(*text, "format");
    if (given == nullptr) return {};
    const auto* format = given->if_object();
    if (format == nullptr) return wrong("text.format", given, "an object with a type");
    const auto type = string_at(*format, "type");
    if (type == "text") return {};
    if (type == "json_object") {
        body["response_format"] = json::object{{"type", "json_object"}};
        return {};
    }
    if (type != "json_schema")
        return wrong("text.format.type", find(*format, "type"), R"("text", "json_object" or "json_schema")");
    if (object_at(*format, "schema") == nullptr)
        return wrong("text.format.schema", find(*format, "schema"), "a JSON schema");
    if (string_at(*format, "name").empty())
        return wrong("text.format.name", find(*format, "name"), "a name for the schema");
    json::object schema;
    for (const auto* key : {"name", "description", "schema", "strict"})
        if (const auto* value = find(*format, key)) schema[key] = *value;
    body["response_format"] = json::object{{"type", "json_schema"}, {"json_schema", std::move(schema)}};
    return {};
}

Result<void> take_reasoning(const json::object& from, json::object& body) {
    const auto* reasoning = object_at(from, "reasoning");
    const auto* effort = reasoning == nullptr ? nullptr : find(*reasoning, "effort");
    if (effort == nullptr) return {};
    if (!effort->is_string()) return wrong("reasoning.effort", effort, R"(a string such as "low", "medium" or "high")");
    body["reasoning_effort"] = *effort;
    return {};
}

void take_logprobs(const json::object& from, json::object& body) {
    const auto* include = array_at(from, "include");
    const auto top = integer_at(from, "top_logprobs");
    if (!top && (include == nullptr || std::ranges::find(*include, "message.output_text.logprobs") == include->end()))
        return;
    body["logprobs"] = true;
    if (top) body["top_logprobs"] = *top;
}

Result<json::array> previous_messages(const json::object& from, const Find& kept) {
    const auto id = string_at(from, "previous_response_id");
    if (id.empty()) return json::array();
    const auto previous = kept(id);
    if (!previous) return not_kept(id, "previous_response_id");
    auto messages = parse_json(previous->messages);
    if (!messages || !messages->is_array())
        return fail(Code::internal, fmt::format("what is kept of response '{}' cannot be read", excerpt(id)));
    return std::move(messages->get_array());
}

// Items of kept responses that a request refers to. Each is given once and read once, so that a small request cannot
// make a huge one.
class References {
public:
    explicit References(const Find& kept) : kept_(kept) {}

    Result<json::object> take(std::string_view id, const std::string& path) {
        if (const auto owner = response_of(id); owners_.insert(owner).second)
            if (const auto response = kept_(owner)) load(*response);
        if (auto found = items_.find(id); found != items_.end() && !found->second.empty())
            return std::exchange(found->second, {});
        return std::unexpected(Error{
            .code = Code::not_found,
            .message =
                fmt::format("'{}.id' is \"{}\", which is not kept here, or stands before as well", path, excerpt(id)),
            .hint = "Send the item itself.",
            .field = path + ".id"});
    }

private:
    void load(const Kept& kept) {
        const auto add = [this](const json::array* items) {
            for (std::size_t i = 0; items != nullptr && i < items->size(); ++i)
                if (const auto* item = (*items)[i].if_object()) items_.emplace(string_at(*item, "id"), *item);
        };
        if (const auto response = parse_json(kept.response); response && response->is_object())
            add(array_at(response->get_object(), "output"));
        if (const auto input = parse_json(kept.input)) add(input->if_array());
    }

    const Find& kept_;
    std::set<std::string> owners_;
    std::map<std::string, json::object, std::less<>> items_;
};

Result<void> take_input(const json::object& from, const Find& kept, Conversation& conversation, Context& context) {
    const auto* input = find(from, "input");
    if (input != nullptr && input->is_string()) {
        conversation.add_user(input->get_string());
        if (context.store)
            context.input.emplace_back(
                listed({{"role", "user"}, {"content", *input}}, fmt::format("{}_i0", stem_of(context.id))));
        return {};
    }
    if (input == nullptr || !input->is_array() || input->get_array().empty())
        return wrong("input", input, "a string or an array of at least one item");
    const auto& items = input->get_array();
    References references(kept);
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto path = fmt::format("input[{}]", i);
        const auto* item = items[i].if_object();
        if (item == nullptr) return wrong(path, &items[i], "an object: a message, a function's call or its output");
        json::object found;
        if (kind_of(*item) == "item_reference") {
            auto other = references.take(string_at(*item, "id"), path);
            if (!other) return std::unexpected(other.error());
            found = std::move(*other);
            item = &found;
        }
        if (auto added = conversation.add(*item, path); !added) return added;
        if (context.store) context.input.emplace_back(listed(*item, fmt::format("{}_i{}", stem_of(context.id), i)));
    }
    return {};
}

// Instructions hold for one response alone, so they are put in front of what is kept. Some templates bear one system
// message and no more.
void put_in_front(std::string_view instructions, json::array& messages) {
    if (instructions.empty()) return;
    if (!messages.empty()) {
        auto& first = messages.front().get_object();
        if (string_at(first, "role") == "system" && first["content"].is_string()) {
            first["content"] = fmt::format("{}\n\n{}", instructions, string_at(first, "content"));
            return;
        }
    }
    messages.insert(messages.begin(), json::object{{"role", "system"}, {"content", instructions}});
}

Result<void> take_options(const json::object& from, json::object& body) {
    for (const auto& [key, member] : from)
        if (std::ranges::find(handled, std::string_view(key)) == handled.end()) body[key] = member;
    if (const auto limit = integer_at(from, "max_output_tokens")) body["max_tokens"] = *limit;
    if (auto taken = take_tools(from, body); !taken) return taken;
    if (auto taken = take_tool_choice(from, body); !taken) return taken;
    if (auto taken = take_text(from, body); !taken) return taken;
    take_logprobs(from, body);
    return take_reasoning(from, body);
}

}  // namespace

Result<Decoded> decode_request(std::string_view text, Birth birth, const Find& kept) {
    const auto parsed = parse_body(text);
    if (!parsed) return std::unexpected(parsed.error());
    const auto& from = *parsed;
    const auto model = string_at(from, "model");
    if (model.empty()) return wrong("model", find(from, "model"), "the name of a model");
    if (auto checked = check_fields(from, rules); !checked) return std::unexpected(checked.error());
    if (auto checked = check_support(from); !checked) return std::unexpected(checked.error());
    if (auto checked = check_rest(from); !checked) return std::unexpected(checked.error());

    const auto* store = find(from, "store");
    Decoded out{.request = {.task = llm::Task::chat, .model = std::string(model), .body = {}},
                .context = {.id = std::move(birth.id),
                            .created_at = birth.created_at,
                            .model = std::string(model),
                            .store = store == nullptr || store->get_bool(),
                            .echo = echo_of(from),
                            .input = {},
                            .messages = {}}};
    auto before = previous_messages(from, kept);
    if (!before) return std::unexpected(before.error());
    Conversation conversation(std::move(*before));
    if (auto taken = take_input(from, kept, conversation, out.context); !taken) return std::unexpected(taken.error());
    if (out.context.store) out.context.messages = conversation.messages();
    put_in_front(string_at(from, "instructions"), conversation.messages());

    auto& body = out.request.body;
    body["model"] = model;
    body["messages"] = std::move(conversation.messages());
    out.request.stream = true_at(from, "stream");
    body["stream"] = out.request.stream;
    if (out.request.stream) body["stream_options"] = json::object{{"include_usage", true}};
    if (auto taken = take_options(from, body); !taken) return std::unexpected(taken.error());
    return out;
}

std::unexpected<Error> not_kept(std::string_view id, std::string field) {
    return std::unexpected(Error{.code = Code::not_found,
                                 .message = fmt::format("response '{}' is not kept here", excerpt(id)),
                                 .hint = "It may be too old or was made with \"store\": false.",
                                 .field = std::move(field)});
}

}  // namespace sarai::protocols::responses
