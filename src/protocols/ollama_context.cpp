#include "protocols/ollama_context.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <string>

#include "protocols/json.hpp"

namespace sarai::protocols::ollama {
namespace {

constexpr std::int64_t mark = 0x7361726169;  // "sarai"; beyond 32 bits, as no token's id is
constexpr std::size_t bytes_each = 3;

// Its text; a picture would make every further request larger.
json::value text_of(const json::value& content) {
    const auto* parts = content.if_array();
    if (parts == nullptr) return content;
    std::string text;
    for (const auto& part : *parts)
        if (const auto* object = part.if_object(); object != nullptr && string_at(*object, "type") == "text")
            text += string_at(*object, "text");
    return json::value(text);
}

std::unexpected<Error> not_ours() {
    return fail_field("context", "'context' is not one that this server gave; expected what an earlier reply had");
}

}  // namespace

json::array encode_context(json::array messages, std::string_view answer) {
    for (auto& message : messages)
        if (auto* object = message.if_object())
            if (auto* content = object->if_contains("content")) *content = text_of(*content);
    messages.push_back(json::object{{"role", "assistant"}, {"content", answer}});
    const auto text = json::serialize(messages);
    json::array context{mark, static_cast<std::int64_t>(text.size())};
    for (std::size_t at = 0; at < text.size(); at += bytes_each) {
        std::int64_t number = 0;
        for (std::size_t i = at; i < at + bytes_each; ++i)
            number = number * 256 + (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
        context.push_back(number);
    }
    return context;
}

Result<json::array> decode_context(const json::value& value) {
    const auto* context = value.if_array();
    if (context == nullptr) return not_ours();
    if (context->empty()) return json::array{};
    if (context->size() < 2 || integer_of(context->at(0)) != mark) return not_ours();
    const auto size = integer_of(context->at(1)).value_or(-1);
    const auto numbers = context->size() - 2;
    if (size < 0 || (static_cast<std::uint64_t>(size) + bytes_each - 1) / bytes_each != numbers) return not_ours();
    std::string text;
    text.reserve(numbers * bytes_each);
    for (std::size_t i = 2; i < context->size(); ++i) {
        const auto number = integer_of(context->at(i)).value_or(-1);
        if (number < 0 || number >= 1 << 24) return not_ours();
        for (int shift = 16; shift >= 0; shift -= 8) text += static_cast<char>((number >> shift) & 0xFF);
    }
    text.resize(static_cast<std::size_t>(size));
    auto parsed = parse_json(text);
    auto* messages = parsed ? parsed->if_array() : nullptr;
    if (messages == nullptr) return not_ours();
    for (const auto& message : *messages) {
        const auto* object = message.if_object();
        if (object == nullptr || string_at(*object, "role").empty() || !object->contains("content")) return not_ours();
        if (!object->at("content").is_string()) return not_ours();
    }
    return std::move(*messages);
}

}  // namespace sarai::protocols::ollama
