#include "pipelines/inputs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

#include "protocols/json.hpp"

namespace sarai::pipelines {
namespace {

namespace json = boost::json;
using protocols::array_at;
using protocols::find;
using protocols::string_at;

std::optional<Medium> medium_of(std::string_view type) {
    if (type.contains("image")) return Medium::image;
    if (type.contains("audio")) return Medium::audio;
    if (type.contains("video")) return Medium::video;
    return std::nullopt;
}

void append(std::string& text, std::string_view more) {
    if (!text.empty() && !more.empty()) text += '\n';
    text += more;
}

// Of a message's content; parts that are no text go to `attachments`, where that is given.
std::string read_content(const json::value& content, std::size_t message, std::vector<Attachment>* attachments) {
    if (content.is_string()) return std::string(content.get_string());
    std::string text;
    if (!content.is_array()) return text;
    const auto& parts = content.get_array();
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto* object = parts[i].if_object();
        if (object == nullptr) continue;
        if (const auto medium = medium_of(string_at(*object, "type"))) {
            if (attachments != nullptr)
                attachments->push_back({.medium = *medium, .parts = {parts[i]}, .message = message, .index = i});
        } else {
            append(text, string_at(*object, "text"));
        }
    }
    return text;
}

std::string_view role_of(const json::value& message) {
    const auto* object = message.if_object();
    return object == nullptr ? std::string_view() : string_at(*object, "role");
}

Result<void> read_parameters(const config::Pipeline& pipeline, const json::object& body, Inputs& inputs) {
    inputs.parameters = pipeline.parameters;
    const auto* given = find(body, "pipeline");
    if (given == nullptr || given->is_null()) return {};
    const auto* object = given->if_object();
    if (object == nullptr)
        return fail_field("pipeline", "'pipeline' is no object of parameters, such as {\"tone\": \"brief\"}");
    for (const auto& [key, value] : *object) {
        const std::string name(key);
        const auto field = fmt::format("pipeline.{}", name.substr(0, 64));
        const auto* text = value.if_string();
        if (text == nullptr) return fail_field(field, fmt::format("'{}' is no text", field));
        if (name == "language")
            inputs.language = *text;
        else if (!pipeline.parameters.contains(name))
            return fail_field(
                field, fmt::format("pipeline '{}' has no parameter '{}'; it has: {}", pipeline.name, name.substr(0, 64),
                                   fmt::join(pipeline.parameters | std::views::keys, ", ")));
        else
            inputs.parameters[name] = *text;
    }
    return {};
}

}  // namespace

int Inputs::count(Medium medium) const {
    return static_cast<int>(std::ranges::count(attachments, medium, &Attachment::medium));
}

Result<Inputs> read_inputs(const config::Pipeline& pipeline, const llm::Request& request, std::string language) {
    const auto* messages = array_at(request.body, "messages");
    if (request.task != llm::Task::chat || messages == nullptr)
        return fail_field("model", fmt::format("'{}' is a pipeline, which answers chats alone", pipeline.name));
    const auto asked = std::ranges::find_if(std::views::reverse(*messages),
                                            [](const auto& message) { return role_of(message) == "user"; });
    if (asked == messages->rend())
        return fail_field("messages", fmt::format("pipeline '{}' needs a message of the user's", pipeline.name));
    const auto last = std::prev(asked.base());
    Inputs inputs{.language = std::move(language)};
    for (auto it = messages->begin(); it != messages->end(); ++it) {
        const auto* object = it->if_object();
        const auto* content = object == nullptr ? nullptr : find(*object, "content");
        const auto role = role_of(*it);
        if (role == "system" || role == "developer") {
            if (content != nullptr) append(inputs.system, read_content(*content, 0, nullptr));
        } else if (it == last) {
            const auto index = static_cast<std::size_t>(it - messages->begin());
            if (content != nullptr) inputs.text = read_content(*content, index, &inputs.attachments);
        } else {
            (it < last ? inputs.history : inputs.prefill).push_back(*it);
            (it < last ? inputs.history_at : inputs.prefill_at)
                .push_back(static_cast<std::size_t>(it - messages->begin()));
        }
    }
    if (auto read = read_parameters(pipeline, request.body, inputs); !read) return std::unexpected(read.error());
    return inputs;
}

}  // namespace sarai::pipelines
