#include "llm/text_size.hpp"

#include <boost/json/array.hpp>
#include <string_view>

namespace sarai::llm {
namespace {

namespace json = boost::json;

// As deep as what protocols::parse_json has let in.
std::size_t size_of(const json::value& value) {
    std::size_t size = 1;
    if (const auto* text = value.if_string()) {
        size += text->size();
    } else if (const auto* list = value.if_array()) {
        for (const auto& one : *list) size += size_of(one);
    } else if (const auto* object = value.if_object()) {
        for (const auto& [key, one] : *object) size += key.size() + size_of(one);
    }
    return size;
}

}  // namespace

bool is_media(const json::value& part) {
    const auto* one = part.if_object();
    const auto* type = one == nullptr ? nullptr : one->if_contains("type");
    if (type == nullptr || !type->is_string()) return false;
    const std::string_view name = type->get_string();
    return name.contains("image") || name.contains("audio") || name.contains("video") || name == "file";
}

std::size_t text_size(const Request& request) {
    std::size_t size = 0;
    for (const auto& [key, value] : request.body) {
        const auto* messages = key == "messages" ? value.if_array() : nullptr;
        if (messages == nullptr) {
            size += key.size() + size_of(value);
            continue;
        }
        for (const auto& message : *messages) {
            size += size_of(message);
            const auto* object = message.if_object();
            const auto* content = object == nullptr ? nullptr : object->if_contains("content");
            if (content == nullptr || !content->is_array()) continue;
            for (const auto& part : content->get_array())
                if (is_media(part)) size -= size_of(part);
        }
    }
    return size;
}

}  // namespace sarai::llm
