#include "protocols/text_tools.hpp"

#include <array>

#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::text_tools {
namespace {

Result<llm::Request> request_for(llm::Task task, std::string_view text) {
    auto body = parse_body(text);
    if (!body) return std::unexpected(body.error());
    const auto model = string_at(*body, "model");
    if (model.empty()) return wrong("model", find(*body, "model"), "the name of a model");
    return llm::Request{.task = task, .model = std::string(model), .body = std::move(*body)};
}

}  // namespace

Result<llm::Request> decode_tokenize(std::string_view text) {
    static constexpr std::array rules{FieldRule{"add_special", FieldKind::boolean},
                                      FieldRule{"parse_special", FieldKind::boolean},
                                      FieldRule{"with_pieces", FieldKind::boolean}};
    auto request = request_for(llm::Task::tokenize, text);
    if (!request) return request;
    auto& body = request->body;
    if (auto checked = check_fields(body, rules); !checked) return std::unexpected(checked.error());
    const auto* content = find(body, "content");
    if (content == nullptr) content = find(body, "prompt");
    if (content == nullptr || !content->is_string()) return wrong("content", content, "a text");
    auto kept = *content;  // a new member moves the others
    body["content"] = std::move(kept);
    body.erase("prompt");
    return request;
}

Result<llm::Request> decode_detokenize(std::string_view text) {
    auto request = request_for(llm::Task::detokenize, text);
    if (!request) return request;
    const auto* tokens = find(request->body, "tokens");
    const auto* ids = tokens == nullptr ? nullptr : tokens->if_array();
    if (ids == nullptr) return wrong("tokens", tokens, "an array of token ids");
    for (const auto& id : *ids)
        if (const auto number = integer_of(id); !number || *number < 0 || *number > INT32_MAX)
            return wrong("tokens", &id, "token ids: whole numbers of at least 0");
    return request;
}

}  // namespace sarai::protocols::text_tools
