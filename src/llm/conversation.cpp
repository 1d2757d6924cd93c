#include "llm/conversation.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace sarai::llm {
namespace {

constexpr std::size_t looked_at = 1024;

// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/).
class Hash {
public:
    void add(std::string_view text) {
        for (const unsigned char byte : text.substr(0, looked_at)) value_ = (value_ ^ byte) * 0x100000001b3U;
        value_ = (value_ ^ 0xffU) * 0x100000001b3U;  // "a", "b" is not "ab": no UTF-8 text has this byte
    }
    // Text, or parts: text, pictures. Of these no more than their beginnings are looked at, however long they are.
    void add(const boost::json::value& value) {
        if (value.is_string()) return add(std::string_view(value.get_string()));
        if (value.is_array())
            for (const auto& part : value.get_array()) add(part);
        if (value.is_object())
            for (const auto& [key, inner] : value.get_object()) add(inner);
    }
    [[nodiscard]] std::uint64_t value() const { return value_ == 0 ? 1 : value_; }

private:
    std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace

std::uint64_t conversation_of(const Request& request) {
    if (request.task == Task::embedding || request.task == Task::rerank) return 0;
    Hash hash;
    if (request.task == Task::completion) {
        const auto* prompt = request.body.if_contains("prompt");
        if (prompt == nullptr) return 0;
        hash.add(*prompt);
        return hash.value();
    }
    const auto* messages = request.body.if_contains("messages");
    if (messages == nullptr || !messages->is_array()) return 0;
    for (const auto& message : messages->get_array()) {
        const auto* object = message.if_object();
        if (object == nullptr) return 0;
        const auto* role = object->if_contains("role");
        const auto* content = object->if_contains("content");
        if (role == nullptr || !role->is_string()) return 0;
        hash.add(*role);
        if (content != nullptr) hash.add(*content);
        if (role->get_string() == "user") return hash.value();
    }
    return 0;
}

}  // namespace sarai::llm
