#include <fmt/format.h>

#include <array>
#include <boost/json/object.hpp>

#include "protocols/body.hpp"
#include "protocols/json.hpp"
#include "protocols/openai.hpp"

namespace sarai::protocols::openai {
namespace {

using Kind = FieldKind;
using Rule = FieldRule;

constexpr unsigned chat = 1;
constexpr unsigned completion = 2;
constexpr unsigned embedding = 4;
constexpr unsigned both = chat | completion;
constexpr unsigned every = both | embedding;

// The known optional parameters; ranges as in OpenAI's reference.
constexpr std::array rules{
    Rule{"temperature", Kind::number, both, 0, 2},
    Rule{"top_p", Kind::number, both, 0, 1},
    Rule{"min_p", Kind::number, both, 0, 1},
    Rule{"top_k", Kind::integer, both, -1, no_limit},
    Rule{"frequency_penalty", Kind::number, both, -2, 2},
    Rule{"presence_penalty", Kind::number, both, -2, 2},
    Rule{"max_tokens", Kind::integer, chat, 1, no_limit},
    Rule{"max_tokens", Kind::integer, completion, 0, no_limit},
    Rule{"max_completion_tokens", Kind::integer, chat, 1, no_limit},
    Rule{"n", Kind::integer, both, 1, 128},
    Rule{"best_of", Kind::integer, completion, 1, 20},
    Rule{"seed", Kind::integer, both, -no_limit, no_limit},
    Rule{"stream", Kind::boolean, both},
    Rule{"stream_options", Kind::object, both},
    Rule{"logprobs", Kind::boolean, chat},
    Rule{"logprobs", Kind::integer, completion, 0, 20},
    Rule{"top_logprobs", Kind::integer, chat, 0, 20},
    Rule{"logit_bias", Kind::object, both},
    Rule{"tools", Kind::objects, chat},
    Rule{"parallel_tool_calls", Kind::boolean, chat},
    Rule{"response_format", Kind::object, chat},
    Rule{"reasoning_effort", Kind::string, chat},
    Rule{"echo", Kind::boolean, completion},
    Rule{"suffix", Kind::string, completion},
    Rule{"dimensions", Kind::integer, embedding, 1, no_limit},
    Rule{"user", Kind::string, every},
};

unsigned bit_of(llm::Task task) {
    switch (task) {
        case llm::Task::chat: return chat;
        case llm::Task::completion: return completion;
        case llm::Task::embedding: return embedding;
        default: return chat;  // protocols/text_tools.hpp
    }
}

bool all_tokens(const json::array& array) {
    for (const auto& element : array)
        if (const auto id = integer_of(element); !id || *id < 0) return false;
    return true;
}

// A text, several, its token ids, or several of those: what /v1/completions and /v1/embeddings take.
bool is_prompt(const json::value& value) {
    if (value.is_string()) return true;
    const auto* array = value.if_array();
    if (array == nullptr || array->empty()) return false;
    if (all_strings(*array) || all_tokens(*array)) return true;
    for (const auto& element : *array)
        if (!element.is_array() || element.get_array().empty() || !all_tokens(element.get_array())) return false;
    return true;
}

Result<void> check_parts(const json::array& parts, const std::string& path) {
    if (parts.empty()) return fail_field(path, fmt::format("'{}' is []; expected a string or at least one part", path));
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto at = fmt::format("{}[{}]", path, i);
        const auto* part = parts[i].if_object();
        if (part == nullptr) return wrong(at, &parts[i], "an object with a type");
        const auto type = string_at(*part, "type");
        if (type.empty()) return wrong(at + ".type", find(*part, "type"), "a string such as \"text\" or \"image_url\"");
        if (type == "text") {
            const auto* text = find(*part, "text");
            if (text == nullptr || !text->is_string()) return wrong(at + ".text", text, "a string");
        } else if (type == "image_url") {
            const auto* image = object_at(*part, "image_url");
            if (image == nullptr || string_at(*image, "url").empty())
                return wrong(at + ".image_url", find(*part, "image_url"), "an object with a url");
        }
    }
    return {};
}

Result<void> check_message(const json::value& value, const std::string& path) {
    const auto* message = value.if_object();
    if (message == nullptr) return wrong(path, &value, "an object with role and content");
    const auto role = string_at(*message, "role");
    if (role.empty()) return wrong(path + ".role", find(*message, "role"), "system, user, assistant or tool");
    const auto* content = find(*message, "content");
    if (content == nullptr) {  // an assistant that only called tools says nothing
        if (role == "assistant") return {};
        return wrong(path + ".content", message->if_contains("content"), "a string or an array of parts");
    }
    if (content->is_array()) return check_parts(content->get_array(), path + ".content");
    if (!content->is_string()) return wrong(path + ".content", content, "a string or an array of parts");
    return {};
}

Result<void> check_messages(const json::object& body) {
    const auto* messages = find(body, "messages");
    if (messages == nullptr || !messages->is_array() || messages->get_array().empty())
        return wrong("messages", messages, "an array of at least one message");
    const auto& array = messages->get_array();
    for (std::size_t i = 0; i < array.size(); ++i)
        if (auto checked = check_message(array[i], fmt::format("messages[{}]", i)); !checked) return checked;
    return {};
}

Result<void> check_tools(const json::object& body) {
    const auto* tools = array_at(body, "tools");
    for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
        const auto path = fmt::format("tools[{}]", i);
        const auto& tool = (*tools)[i].get_object();
        if (string_at(tool, "type").empty()) return wrong(path + ".type", find(tool, "type"), "a string: \"function\"");
        if (string_at(tool, "type") != "function") continue;  // kinds of tools that we do not know
        const auto* function = object_at(tool, "function");
        if (function == nullptr) return wrong(path + ".function", find(tool, "function"), "an object with a name");
        if (string_at(*function, "name").empty())
            return wrong(path + ".function.name", find(*function, "name"), "a string");
    }
    if (const auto* choice = find(body, "tool_choice");
        choice != nullptr && !choice->is_string() && !choice->is_object())
        return wrong("tool_choice", choice, "\"none\", \"auto\", \"required\" or an object that names a function");
    if (const auto* format = object_at(body, "response_format");
        format != nullptr && string_at(*format, "type").empty())
        return wrong("response_format.type", find(*format, "type"), "\"text\", \"json_object\" or \"json_schema\"");
    return {};
}

Result<void> check_shared(const json::object& body) {
    if (const auto* stop = find(body, "stop"); stop != nullptr) {
        const auto* array = stop->if_array();
        if (!stop->is_string() && (array == nullptr || !all_strings(*array)))
            return wrong("stop", stop, "a string or an array of strings");
    }
    if (const auto* options = object_at(body, "stream_options"))
        if (const auto* usage = find(*options, "include_usage"); usage != nullptr && !usage->is_bool())
            return wrong("stream_options.include_usage", usage, "true or false");
    return {};
}

Result<void> check_content(llm::Task task, const json::object& body) {
    switch (task) {
        case llm::Task::chat:
            if (auto checked = check_messages(body); !checked) return checked;
            return check_tools(body);
        case llm::Task::completion:
            if (const auto* prompt = find(body, "prompt"); prompt == nullptr || !is_prompt(*prompt))
                return wrong("prompt", prompt, "a string, an array of strings, or token ids");
            return {};
        case llm::Task::embedding:
            if (const auto* input = find(body, "input"); input == nullptr || !is_prompt(*input))
                return wrong("input", input, "a string, an array of strings, or token ids");
            if (const auto* inputs = array_at(body, "input");
                inputs != nullptr && inputs->size() > most_inputs && !inputs->front().is_number())
                return fail_field("input", fmt::format("'input' has {} elements; expected at most {}, as OpenAI allows",
                                                       inputs->size(), most_inputs));
            if (const auto* format = find(body, "encoding_format");
                format != nullptr &&
                (!format->is_string() || (format->get_string() != "float" && format->get_string() != "base64")))
                return wrong("encoding_format", format, "\"float\" or \"base64\"");
            return {};
        default: return {};
    }
}

}  // namespace

Result<llm::Request> decode_request(llm::Task task, std::string_view body) {
    auto parsed = parse_body(body);
    if (!parsed) return std::unexpected(parsed.error());
    auto& object = *parsed;
    const auto model = string_at(object, "model");
    if (model.empty()) return wrong("model", find(object, "model"), "the name of a model");
    if (auto checked = check_fields(object, rules, bit_of(task)); !checked) return std::unexpected(checked.error());
    if (auto checked = check_shared(object); !checked) return std::unexpected(checked.error());
    if (auto checked = check_content(task, object); !checked) return std::unexpected(checked.error());

    llm::Request request{.task = task, .model = std::string(model), .stream = true_at(object, "stream"), .body = {}};
    if (task == llm::Task::embedding) request.stream = false;
    request.body = std::move(object);
    request.text = body;
    return request;
}

}  // namespace sarai::protocols::openai
