#include "gateway/framed_face.hpp"

#include <boost/json/array.hpp>

#include "protocols/json.hpp"

namespace sarai::gateway {
namespace json = boost::json;

void FramedFace::say(std::string& text, std::string& out) {
    if (text.empty()) return;
    json::object chunk{
        {"id", "chatcmpl-" + names_.id},
        {"object", "chat.completion.chunk"},
        {"created", std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())},
        {"model", names_.model},
        {"choices", {{{"index", 0}, {"delta", {{"content", std::exchange(text, {})}}}, {"finish_reason", nullptr}}}}};
    client_.event(llm::StreamEvent(std::move(chunk)), out);
}

void FramedFace::event(const llm::StreamEvent& event, std::string& out) {
    const bool ends = !event.is_only_text() && !llm::finish_reason_of(event).empty();
    if (ends || !llm::text_of(event).empty()) say(frame_.preface, out);
    if (!ends || llm::text_of(event).empty()) {
        if (ends) say(frame_.closing, out);
        return client_.event(event, out);
    }
    // The last text and the end in one: the closing goes between them.
    std::string text(llm::text_of(event));
    say(text, out);
    say(frame_.closing, out);
    auto rest = event.chunk();
    if (auto* choices = rest.if_contains("choices"); choices != nullptr && choices->is_array())
        if (auto& first = choices->get_array().front(); first.is_object())
            if (auto* delta = first.get_object().if_contains("delta"); delta != nullptr && delta->is_object())
                delta->get_object().erase("content");
    client_.event(llm::StreamEvent(std::move(rest)), out);
}

void FramedFace::end(std::string& out) {
    say(frame_.preface, out);
    say(frame_.closing, out);
    client_.end(out);
}

std::string FramedFace::reply(const json::object& reply) {
    auto whole = reply;
    if (auto* choices = whole.if_contains("choices"); choices != nullptr && choices->is_array())
        for (auto& choice : choices->get_array()) {
            auto* message = choice.is_object() ? choice.get_object().if_contains("message") : nullptr;
            if (message == nullptr || !message->is_object()) continue;
            auto& content = message->get_object()["content"];
            const std::string said = content.is_string() ? std::string(content.get_string()) : std::string();
            content = frame_.preface + said + frame_.closing;
        }
    return client_.reply(whole);
}

}  // namespace sarai::gateway
