#include "protocols/responses_items.hpp"

#include <fmt/format.h>

#include <array>

#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::responses {
namespace {

constexpr std::string_view a_part = "an object with a type such as \"input_text\" or \"input_image\"";

std::unexpected<Error> not_here(std::string field, std::string_view what) {
    auto message = fmt::format("'{}' is \"{}\", which is not supported here", field, excerpt(what));
    return std::unexpected(Error{.code = Code::unsupported, .message = std::move(message), .field = std::move(field)});
}

bool is_text(std::string_view type) { return type == "input_text" || type == "output_text" || type == "text"; }

Result<std::string_view> text_at(const json::object& object, std::string_view key, const std::string& path) {
    const auto* text = find(object, key);
    if (text == nullptr || !text->is_string()) return wrong(fmt::format("{}.{}", path, key), text, "a string");
    return std::string_view(text->get_string());
}

Result<json::object> image_of(const json::object& part, const std::string& path) {
    if (find(part, "file_id") != nullptr) return not_here(path + ".file_id", string_at(part, "file_id"));
    const auto url = string_at(part, "image_url");
    if (!url.starts_with("data:") && !url.starts_with("http://") && !url.starts_with("https://"))
        return wrong(path + ".image_url", find(part, "image_url"), "a URL that begins with data:, http:// or https://");
    json::object image{{"url", url}};
    if (const auto detail = string_at(part, "detail"); !detail.empty() && detail != "auto") image["detail"] = detail;
    return json::object{{"type", "image_url"}, {"image_url", std::move(image)}};
}

Result<json::object> part_of(const json::value& value, const std::string& path) {
    const auto* part = value.if_object();
    if (part == nullptr) return wrong(path, &value, a_part);
    const auto type = string_at(*part, "type");
    if (type.empty()) return wrong(path + ".type", find(*part, "type"), "a string such as \"input_text\"");
    if (is_text(type) || type == "refusal") {
        const auto text = text_at(*part, type == "refusal" ? "refusal" : "text", path);
        if (!text) return std::unexpected(text.error());
        return json::object{{"type", "text"}, {"text", *text}};
    }
    if (type == "input_image") return image_of(*part, path);
    if (type == "input_audio") {
        const auto* audio = object_at(*part, "input_audio");
        if (audio == nullptr || string_at(*audio, "data").empty() || string_at(*audio, "format").empty())
            return wrong(path + ".input_audio", find(*part, "input_audio"), "an object with data and format");
        return json::object{{"type", "input_audio"}, {"input_audio", *audio}};
    }
    return not_here(path + ".type", type);
}

// A string, or parts where there is more than one text.
Result<json::value> content_of(const json::object& item, std::string_view key, const std::string& item_path) {
    const auto path = fmt::format("{}.{}", item_path, key);
    const auto* content = find(item, key);
    if (content != nullptr && content->is_string()) return *content;
    if (content == nullptr || !content->is_array()) return wrong(path, content, "a string or an array of parts");
    json::array parts;
    const auto& given = content->get_array();
    for (std::size_t i = 0; i < given.size(); ++i) {
        auto part = part_of(given[i], fmt::format("{}[{}]", path, i));
        if (!part) return std::unexpected(part.error());
        parts.emplace_back(std::move(*part));
    }
    if (parts.empty()) return json::value("");
    // Templates and servers that know nothing of parts are many.
    if (parts.size() == 1)
        if (const auto* text = parts.front().get_object().if_contains("text")) return *text;
    return parts;
}

void append_to(json::object& message, std::string_view key, std::string_view text, std::string_view between) {
    auto& value = message[key];
    if (!value.is_string()) value = "";
    auto& string = value.get_string();
    if (!string.empty() && !text.empty()) string += between;
    string += text;
}

// The texts of an array's objects, each in its "text".
Result<std::string> texts_at(const json::object& item, std::string_view key, const std::string& item_path) {
    const auto* given = find(item, key);
    if (given == nullptr) return {};
    const auto path = fmt::format("{}.{}", item_path, key);
    if (!given->is_array()) return wrong(path, given, "an array of objects with a text");
    std::string all;
    for (const auto& value : given->get_array()) {
        const auto* part = value.if_object();
        if (part == nullptr) return wrong(path, given, "an array of objects with a text");
        if (!all.empty()) all += '\n';
        all += string_at(*part, "text");
    }
    return all;
}

std::string_view prefix_of(std::string_view kind) {
    if (kind == "function_call") return "fc";
    if (kind == "function_call_output") return "fco";
    return kind == "reasoning" ? "rs" : "msg";
}

json::object listed_part(const json::object& part) {
    auto out = part;
    const auto type = string_at(part, "type");
    if (type == "output_text" && !part.contains("annotations")) out["annotations"] = json::array();
    if (type == "input_image" && find(part, "detail") == nullptr) out["detail"] = "auto";
    return out;
}

json::array listed_content(const json::value& content, bool of_assistant) {
    json::array parts;
    if (content.is_string()) {
        json::object text{{"type", of_assistant ? "output_text" : "input_text"}, {"text", content}};
        parts.emplace_back(listed_part(text));
    } else if (const auto* given = content.if_array()) {
        for (const auto& value : *given)
            if (const auto* part = value.if_object()) parts.emplace_back(listed_part(*part));
    }
    return parts;
}

}  // namespace

Conversation::Conversation(json::array before) : messages_(std::move(before)) {
    for (const auto& message : messages_)
        if (const auto* object = message.if_object())
            if (const auto* calls = array_at(*object, "tool_calls"))
                for (const auto& call : *calls)
                    if (call.is_object()) call_ids_.emplace(string_at(call.get_object(), "id"));
}

void Conversation::add_user(std::string_view text) {
    messages_.emplace_back(json::object{{"role", "user"}, {"content", text}});
}

json::object& Conversation::assistant() {
    if (messages_.empty() || string_at(messages_.back().as_object(), "role") != "assistant")
        messages_.emplace_back(json::object{{"role", "assistant"}, {"content", ""}});
    return messages_.back().get_object();
}

Result<void> Conversation::add(const json::object& item, const std::string& path) {
    const auto kind = kind_of(item);
    if (kind.empty()) return wrong(path + ".type", find(item, "type"), "a string such as \"message\"");
    if (kind == "message") return add_message(item, path);
    if (kind == "reasoning") return add_reasoning(item, path);
    if (kind == "function_call") return add_call(item, path);
    if (kind == "function_call_output") return add_output(item, path);
    return not_here(path + ".type", kind);
}

Result<void> Conversation::add_message(const json::object& item, const std::string& path) {
    const auto role = string_at(item, "role");
    if (role != "user" && role != "assistant" && role != "system" && role != "developer")
        return wrong(path + ".role", find(item, "role"), "user, assistant, system or developer");
    auto content = content_of(item, "content", path);
    if (!content) return std::unexpected(content.error());
    if (role != "assistant") {
        // Most templates know no developer.
        messages_.emplace_back(json::object{{"role", role == "user" ? "user" : "system"}, {"content", *content}});
        return {};
    }
    std::string text;
    if (content->is_string()) text = content->get_string();
    if (const auto* parts = content->if_array())
        for (std::size_t i = 0; i < parts->size(); ++i) {
            const auto& part = (*parts)[i].get_object();
            if (!part.contains("text"))
                return wrong(fmt::format("{}.content[{}].type", path, i), find(part, "type"),
                             "\"output_text\" or \"refusal\" in what an assistant said");
            text += string_at(part, "text");
        }
    append_to(assistant(), "content", text, "\n\n");
    return {};
}

Result<void> Conversation::add_reasoning(const json::object& item, const std::string& path) {
    auto text = texts_at(item, "content", path);
    if (text && text->empty()) text = texts_at(item, "summary", path);
    if (!text) return std::unexpected(text.error());
    // What is encrypted only its maker can read; a model does without.
    if (!text->empty()) append_to(assistant(), "reasoning_content", *text, "\n\n");
    return {};
}

Result<void> Conversation::add_call(const json::object& item, const std::string& path) {
    for (const auto* key : {"call_id", "name"})
        if (string_at(item, key).empty())
            return wrong(fmt::format("{}.{}", path, key), find(item, key), "a string that is not empty");
    const auto arguments = text_at(item, "arguments", path);
    if (!arguments) return std::unexpected(arguments.error());
    auto& calls = assistant()["tool_calls"];
    if (!calls.is_array()) calls = json::array();
    const auto id = string_at(item, "call_id");
    json::object function{{"name", string_at(item, "name")}, {"arguments", *arguments}};
    calls.get_array().emplace_back(json::object{{"id", id}, {"type", "function"}, {"function", std::move(function)}});
    call_ids_.emplace(id);
    return {};
}

Result<void> Conversation::add_output(const json::object& item, const std::string& path) {
    const auto id = string_at(item, "call_id");
    if (!call_ids_.contains(id))
        return wrong(path + ".call_id", find(item, "call_id"), "the call_id of a function_call before it");
    auto content = content_of(item, "output", path);
    if (!content) return std::unexpected(content.error());
    messages_.emplace_back(json::object{{"role", "tool"}, {"tool_call_id", id}, {"content", std::move(*content)}});
    return {};
}

std::string_view kind_of(const json::object& item) {
    if (const auto type = string_at(item, "type"); !type.empty()) return type;
    if (find(item, "type") != nullptr) return {};
    if (item.contains("role")) return "message";
    return item.contains("id") ? "item_reference" : "";
}

json::object listed(const json::object& item, std::string_view suffix) {
    auto out = item;
    const auto kind = kind_of(item);
    out["type"] = kind;
    if (string_at(item, "id").empty()) out["id"] = fmt::format("{}_{}", prefix_of(kind), suffix);
    if (kind == "reasoning") {
        if (array_at(item, "summary") == nullptr) out["summary"] = json::array();
        return out;
    }
    if (string_at(item, "status").empty()) out["status"] = "completed";
    if (kind == "message") out["content"] = listed_content(item.at("content"), string_at(item, "role") == "assistant");
    if (const auto* parts = array_at(item, "output")) out["output"] = listed_content(*parts, false);
    return out;
}

std::string_view stem_of(std::string_view response_id) {
    static constexpr std::string_view prefix = "resp_";
    if (response_id.starts_with(prefix)) response_id.remove_prefix(prefix.size());
    return response_id;
}

std::string response_of(std::string_view item_id) {
    const auto first = item_id.find('_');
    const auto last = item_id.rfind('_');
    if (first == last) return {};
    return fmt::format("resp_{}", item_id.substr(first + 1, last - first - 1));
}

}  // namespace sarai::protocols::responses
