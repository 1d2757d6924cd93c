#include "gateway/prompt_of.hpp"

#include <algorithm>

#include "media/files.hpp"
#include "protocols/json.hpp"

namespace sarai::gateway {
namespace {

namespace json = boost::json;
using protocols::array_at;
using protocols::find;
using protocols::string_at;

constexpr std::size_t looked_at = std::size_t{16} << 10U;  // at either end

void note_attachment(std::string_view type, router::Facts& facts) {
    facts.image = facts.image || type.contains("image");
    facts.audio = facts.audio || type.contains("audio");
    facts.video = facts.video || type.contains("video");
}

void note_attachment(media::Family family, router::Facts& facts) {
    facts.image = facts.image || family == media::Family::image;
    facts.audio = facts.audio || family == media::Family::audio;
    facts.video = facts.video || family == media::Family::video;
}

void append(std::string& text, std::string_view more) {
    if (!text.empty()) text += '\n';
    text += more;
}

struct Said {
    std::string text;
    std::int64_t size = 0;  // of a file only the beginning is looked at
};

// Text, or the texts of its parts.
Said text_of(const json::value& content, router::Facts& facts) {
    std::string text;
    std::int64_t beyond = 0;
    if (content.is_string()) text = content.get_string();
    if (!content.is_array()) return {.text = text, .size = static_cast<std::int64_t>(text.size())};
    for (const auto& part : content.get_array()) {
        const auto* object = part.if_object();
        if (object == nullptr) continue;
        if (const auto said = string_at(*object, "text"); !said.empty()) {
            append(text, said);
        } else if (const auto file = media::file_in(part)) {
            const auto glance = media::look_at(*file, 2 * looked_at);
            note_attachment(glance.family, facts);
            if (glance.text.empty()) continue;
            append(text, glance.text);
            beyond += std::max<std::int64_t>(0, glance.size - static_cast<std::int64_t>(glance.text.size()));
        } else {
            note_attachment(string_at(*object, "type"), facts);
        }
    }
    const auto size = static_cast<std::int64_t>(text.size()) + beyond;
    return {.text = std::move(text), .size = size};
}

// The first of several prompts.
std::string prompt_text(const json::object& body) {
    const auto* prompt = find(body, "prompt");
    if (prompt != nullptr && prompt->is_array() && !prompt->get_array().empty()) prompt = &prompt->get_array().front();
    return prompt != nullptr && prompt->is_string() ? std::string(prompt->get_string()) : std::string();
}

}  // namespace

Prompt prompt_of(const llm::Request& request) {
    Prompt prompt;
    if (const auto* messages = array_at(request.body, "messages")) {
        bool answered = false;
        for (const auto& message : *messages) {
            const auto* object = message.if_object();
            const auto* content = object == nullptr ? nullptr : find(*object, "content");
            const auto role = object == nullptr ? std::string_view() : string_at(*object, "role");
            auto said = content == nullptr ? Said{} : text_of(*content, prompt.facts);
            prompt.all_text += said.size;
            answered = answered || role == "assistant";
            if (role != "user") continue;
            prompt.text = std::move(said.text);
            prompt.facts.size = said.size;
            prompt.goes_on = answered;
        }
    } else {
        prompt.text = prompt_text(request.body);
        prompt.all_text = static_cast<std::int64_t>(prompt.text.size());
        prompt.facts.size = prompt.all_text;
    }
    const auto* tools = array_at(request.body, "tools");
    prompt.facts.tools = tools != nullptr && !tools->empty() && string_at(request.body, "tool_choice") != "none";
    if (prompt.text.size() > 2 * looked_at)
        prompt.text = prompt.text.substr(0, looked_at) + "\n" + prompt.text.substr(prompt.text.size() - looked_at);
    return prompt;
}

}  // namespace sarai::gateway
