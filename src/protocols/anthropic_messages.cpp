#include "protocols/anthropic_messages.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::anthropic {
namespace {

// Claude Code's first block of "system" is for Anthropic's accounts. It differs from one request to the next, and no
// prompt cache would be of use behind it.
constexpr std::string_view billing_line = "x-anthropic-billing-header:";

std::unexpected<Error> unsupported(std::string field, const json::value& value, std::string_view expected) {
    auto message = fmt::format("'{}' is {}, which is not supported here; expected {}", field, excerpt(value), expected);
    return std::unexpected(Error{.code = Code::unsupported, .message = std::move(message), .field = std::move(field)});
}

Result<std::string_view> required_string(const json::object& object, std::string_view key, const std::string& path,
                                         std::string_view expected) {
    if (const auto text = string_at(object, key); !text.empty()) return text;
    return wrong(fmt::format("{}.{}", path, key), find(object, key), expected);
}

struct Block {
    const json::object* object = nullptr;
    std::string_view type;
    std::string path;
};

// What may be a string or an array of blocks. A string is a text block without an object.
struct Content {
    std::string_view text;
    std::vector<Block> blocks;
};

Result<Content> content_of(const json::value* value, const std::string& path) {
    if (value == nullptr) return wrong(path, nullptr, "a string or an array of blocks");
    if (value->is_string()) return Content{.text = value->get_string(), .blocks = {}};
    if (!value->is_array()) return wrong(path, value, "a string or an array of blocks");
    Content out;
    const auto& array = value->get_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
        auto at = fmt::format("{}[{}]", path, i);
        const auto* block = array[i].if_object();
        if (block == nullptr) return wrong(std::move(at), &array[i], "an object with a type");
        const auto type = required_string(*block, "type", at, "a string such as \"text\" or \"image\"");
        if (!type) return std::unexpected(type.error());
        out.blocks.push_back({.object = block, .type = *type, .path = std::move(at)});
    }
    return out;
}

Result<std::string_view> text_of(const Block& block) {
    const auto* text = find(*block.object, "text");
    if (text == nullptr || !text->is_string()) return wrong(block.path + ".text", text, "a string");
    return std::string_view(text->get_string());
}

void append_line(std::string& out, std::string_view line) {
    if (line.empty()) return;
    if (!out.empty()) out += '\n';
    out += line;
}

// The texts of what may hold nothing else.
Result<std::string> join_texts(const Content& content, std::string_view separator) {
    std::string out(content.text);
    for (const auto& block : content.blocks) {
        if (block.type != "text") return wrong(block.path + ".type", find(*block.object, "type"), "\"text\"");
        const auto text = text_of(block);
        if (!text) return std::unexpected(text.error());
        if (!out.empty()) out += separator;
        out += *text;
    }
    return out;
}

Result<std::string> only_text(const json::value* value, const std::string& path) {
    const auto content = content_of(value, path);
    if (!content) return std::unexpected(content.error());
    return join_texts(*content, "\n");
}

json::object text_part(std::string_view text) { return {{"type", "text"}, {"text", text}}; }

Result<json::object> image_part(const Block& block) {
    const auto path = block.path + ".source";
    const auto* source = object_at(*block.object, "source");
    if (source == nullptr)
        return wrong(path, find(*block.object, "source"), "an object with type, media_type and data");
    const auto type = required_string(*source, "type", path, "\"base64\" or \"url\"");
    if (!type) return std::unexpected(type.error());
    json::string url;  // megabytes: moved from here on
    if (*type == "base64") {
        const auto media_type = required_string(*source, "media_type", path, "a string such as \"image/png\"");
        if (!media_type) return std::unexpected(media_type.error());
        const auto data = required_string(*source, "data", path, "the image in base64");
        if (!data) return std::unexpected(data.error());
        url.append("data:").append(*media_type).append(";base64,").append(*data);
    } else if (*type == "url") {
        const auto given = required_string(*source, "url", path, "the image's URL");
        if (!given) return std::unexpected(given.error());
        url = *given;
    } else {
        return unsupported(path + ".type", *find(*source, "type"), "\"base64\" or \"url\"");
    }
    return json::object{{"type", "image_url"}, {"image_url", json::object{{"url", std::move(url)}}}};
}

// Title and text of a document, of which only those in plain text can be given to a model.
Result<std::string> document_text(const Block& block) {
    const auto path = block.path + ".source";
    const auto* source = object_at(*block.object, "source");
    if (source == nullptr) return wrong(path, find(*block.object, "source"), "an object with type and data");
    const auto type = required_string(*source, "type", path, "\"text\" or \"content\"");
    if (!type) return std::unexpected(type.error());
    std::string out(string_at(*block.object, "title"));
    append_line(out, string_at(*block.object, "context"));
    if (*type == "text") {
        const auto data = required_string(*source, "data", path, "the document's text");
        if (!data) return std::unexpected(data.error());
        append_line(out, *data);
    } else if (*type == "content") {
        const auto text = only_text(find(*source, "content"), path + ".content");
        if (!text) return std::unexpected(text.error());
        append_line(out, *text);
    } else {
        return unsupported(path + ".type", *find(*source, "type"), "\"text\" or \"content\"");
    }
    return out;
}

Result<std::string> search_result_text(const Block& block) {
    std::string out(string_at(*block.object, "title"));
    append_line(out, string_at(*block.object, "source"));
    const auto text = only_text(find(*block.object, "content"), block.path + ".content");
    if (!text) return std::unexpected(text.error());
    append_line(out, *text);
    return out;
}

// A block that a user or a tool may send: text in one form or another, or an image.
Result<json::object> part_of(const Block& block) {
    if (block.type == "image") return image_part(block);
    Result<std::string> text;
    if (block.type == "text")
        text = text_of(block).transform([](std::string_view plain) { return std::string(plain); });
    else if (block.type == "document")
        text = document_text(block);
    else if (block.type == "search_result")
        text = search_result_text(block);
    else if (block.type == "mid_conv_system")
        text = only_text(find(*block.object, "content"), block.path + ".content");
    else
        return unsupported(block.path + ".type", *find(*block.object, "type"),
                           "text, image, document, search_result or tool_result");
    if (!text) return std::unexpected(text.error());
    return text_part(*text);
}

// A tool message; its images are appended to `parts`, which follow it.
Result<json::object> tool_message(const Block& block, json::array& parts) {
    const auto id = required_string(*block.object, "tool_use_id", block.path, "the id of a tool_use block");
    if (!id) return std::unexpected(id.error());
    std::string text;
    if (const auto* value = find(*block.object, "content"); value != nullptr) {
        auto content = content_of(value, block.path + ".content");
        if (!content) return std::unexpected(content.error());
        text = content->text;
        for (const auto& inner : content->blocks) {
            auto part = part_of(inner);
            if (!part) return std::unexpected(part.error());
            if (inner.type == "image") {
                parts.emplace_back(text_part(fmt::format("Image in the result of {}:", *id)));
                parts.emplace_back(std::move(*part));
            } else {
                append_line(text, string_at(*part, "text"));
            }
        }
    }
    // OpenAI's form has no mark for it, and a model should not take the message for a result.
    if (true_at(*block.object, "is_error") && !text.starts_with("Error")) text.insert(0, "Error: ");
    return json::object{{"role", "tool"}, {"tool_call_id", *id}, {"content", std::move(text)}};
}

Result<json::object> tool_call(const Block& block) {
    const auto id = required_string(*block.object, "id", block.path, "a string");
    if (!id) return std::unexpected(id.error());
    const auto name = required_string(*block.object, "name", block.path, "the name of a tool");
    if (!name) return std::unexpected(name.error());
    const auto* input = object_at(*block.object, "input");
    if (input == nullptr) return wrong(block.path + ".input", find(*block.object, "input"), "an object");
    json::object function{{"name", *name}, {"arguments", json::serialize(*input)}};
    return json::object{{"id", *id}, {"type", "function"}, {"function", std::move(function)}};
}

// A turn is one or more messages of the same role.
struct Turn {
    std::string_view role;
    std::vector<Content> contents;
};

// Instructions in the middle of a conversation.
Result<void> append_system(const Turn& turn, json::array& out) {
    std::string all;
    for (const auto& content : turn.contents) {
        const auto text = join_texts(content, "\n\n");
        if (!text) return std::unexpected(text.error());
        append_line(all, *text);
    }
    out.emplace_back(json::object{{"role", "system"}, {"content", std::move(all)}});
    return {};
}

Result<void> append_user(const Turn& turn, json::array& out) {
    json::array parts;
    json::array images;  // of the tools' results
    for (const auto& content : turn.contents) {
        if (content.blocks.empty()) parts.emplace_back(text_part(content.text));
        for (const auto& block : content.blocks) {
            auto made = block.type == "tool_result" ? tool_message(block, images) : part_of(block);
            if (!made) return std::unexpected(made.error());
            (block.type == "tool_result" ? out : parts).emplace_back(std::move(*made));
        }
    }
    for (auto& part : parts) images.push_back(std::move(part));
    if (images.empty()) return {};
    json::object message{{"role", "user"}};
    // The simplest form that says it: not every template takes parts.
    if (images.size() == 1 && images.front().get_object().contains("text"))
        message["content"] = std::move(images.front().get_object()["text"]);
    else
        message["content"] = std::move(images);
    out.emplace_back(std::move(message));
    return {};
}

Result<void> append_assistant(const Turn& turn, json::array& out) {
    std::string text;
    std::string thinking;
    json::array calls;
    for (const auto& content : turn.contents) {
        text += content.text;
        for (const auto& block : content.blocks) {
            if (block.type == "text") {
                const auto more = text_of(block);
                if (!more) return std::unexpected(more.error());
                text += *more;  // citations split sentences into blocks, so nothing comes between
            } else if (block.type == "thinking") {
                append_line(thinking, string_at(*block.object, "thinking"));
            } else if (block.type == "tool_use") {
                auto call = tool_call(block);
                if (!call) return std::unexpected(call.error());
                calls.emplace_back(std::move(*call));
            } else if (block.type != "redacted_thinking") {  // encrypted, for Anthropic's eyes
                return unsupported(block.path + ".type", *find(*block.object, "type"), "text, thinking or tool_use");
            }
        }
    }
    json::object message{{"role", "assistant"}, {"content", std::move(text)}};
    if (!thinking.empty()) message["reasoning_content"] = thinking;
    if (!calls.empty()) message["tool_calls"] = std::move(calls);
    out.emplace_back(std::move(message));
    return {};
}

Result<std::vector<Turn>> turns_of(const json::object& body) {
    const auto* messages = find(body, "messages");
    if (messages == nullptr || !messages->is_array() || messages->get_array().empty())
        return wrong("messages", messages, "an array of at least one message");
    const auto& array = messages->get_array();
    std::vector<Turn> turns;
    for (std::size_t i = 0; i < array.size(); ++i) {
        const auto path = fmt::format("messages[{}]", i);
        const auto* message = array[i].if_object();
        if (message == nullptr) return wrong(path, &array[i], "an object with role and content");
        const auto role = string_at(*message, "role");
        if (role != "user" && role != "assistant" && role != "system")
            return wrong(path + ".role", find(*message, "role"), "user, assistant or system");
        const auto* given = find(*message, "content");
        auto content = content_of(given, path + ".content");
        if (!content) return std::unexpected(content.error());
        if (role != "assistant" && given->is_array() && content->blocks.empty())
            return wrong(path + ".content", given, "a string or at least one block");
        if (turns.empty() || turns.back().role != role) turns.push_back({.role = role, .contents = {}});
        turns.back().contents.push_back(std::move(*content));
    }
    return turns;
}

}  // namespace

Result<json::array> decode_messages(const json::object& body) {
    json::array out;
    if (const auto* given = find(body, "system"); given != nullptr) {
        auto system = content_of(given, "system");
        if (!system) return std::unexpected(system.error());
        std::erase_if(system->blocks,
                      [](const Block& block) { return string_at(*block.object, "text").starts_with(billing_line); });
        auto text = join_texts(*system, "\n\n");
        if (!text) return std::unexpected(text.error());
        if (!text->empty()) out.emplace_back(json::object{{"role", "system"}, {"content", std::move(*text)}});
    }
    const auto turns = turns_of(body);
    if (!turns) return std::unexpected(turns.error());
    for (const auto& turn : *turns) {
        const auto append = turn.role == "system" ? append_system
                            : turn.role == "user" ? append_user
                                                  : append_assistant;
        if (auto appended = append(turn, out); !appended) return std::unexpected(appended.error());
    }
    return out;
}

}  // namespace sarai::protocols::anthropic
