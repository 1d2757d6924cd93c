#include "protocols/completion_logprobs.hpp"

#include <algorithm>

#include "protocols/json.hpp"

namespace sarai::protocols {
namespace {

namespace json = boost::json;

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](unsigned char c) { return (c & 0xC0U) != 0x80U; }));
}

json::value probability(const json::object& token) {
    const auto* value = find(token, "logprob");
    return value == nullptr ? json::value(nullptr) : *value;
}

}  // namespace

void CompletionLogprobs::convert(json::object& reply) {
    auto* choices = reply.if_contains("choices");
    if (choices == nullptr || !choices->is_array()) return;
    for (auto& value : choices->get_array()) {
        auto* choice = value.if_object();
        const auto* given = choice == nullptr ? nullptr : object_at(*choice, "logprobs");
        const auto* content = given == nullptr ? nullptr : array_at(*given, "content");
        if (content == nullptr) continue;
        auto& offset = offsets_[integer_at(*choice, "index").value_or(0)];
        json::array tokens;
        json::array logprobs;
        json::array tops;
        json::array starts;
        for (const auto& element : *content) {
            const auto* token = element.if_object();
            if (token == nullptr) continue;
            const auto text = string_at(*token, "token");
            tokens.emplace_back(text);
            logprobs.push_back(probability(*token));
            json::object top;
            if (const auto* others = array_at(*token, "top_logprobs"))
                for (const auto& other : *others)
                    if (const auto* one = other.if_object()) top[string_at(*one, "token")] = probability(*one);
            tops.push_back(std::move(top));
            starts.emplace_back(offset);
            offset += characters(text);
        }
        (*choice)["logprobs"] = json::object{{"tokens", std::move(tokens)},
                                             {"token_logprobs", std::move(logprobs)},
                                             {"top_logprobs", std::move(tops)},
                                             {"text_offset", std::move(starts)}};
    }
}

}  // namespace sarai::protocols
