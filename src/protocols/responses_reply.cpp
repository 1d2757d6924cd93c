#include "protocols/responses_reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "protocols/json.hpp"
#include "protocols/responses_items.hpp"

namespace sarai::protocols::responses {

json::object response_object(const Context& context, std::string_view status) {
    json::object out;
    out["id"] = context.id;
    out["object"] = "response";
    out["created_at"] = context.created_at;
    out["status"] = status;
    out["background"] = false;
    out["completed_at"] = nullptr;
    out["error"] = nullptr;
    out["incomplete_details"] = nullptr;
    out["model"] = context.model;
    out["output"] = json::array();
    out["usage"] = nullptr;
    for (const auto& [key, value] : context.echo) out[key] = value;
    return out;
}

json::object finished(const Context& context, std::string_view finish_reason, std::span<const Item> items,
                      json::value usage, std::int64_t now) {
    const auto cut = reason_incomplete(finish_reason);
    auto out = response_object(context, cut.empty() ? "completed" : "incomplete");
    if (cut.empty())
        out["completed_at"] = now;
    else
        out["incomplete_details"] = json::object{{"reason", cut}};
    auto& output = out["output"].get_array();
    for (std::size_t i = 0; i < items.size(); ++i)
        output.emplace_back(encode_item(items[i], cut.empty() || i + 1 < items.size() ? "completed" : "incomplete"));
    out["usage"] = std::move(usage);
    return out;
}

std::string_view reason_incomplete(std::string_view finish_reason) {
    if (finish_reason == "length") return "max_output_tokens";
    return finish_reason == "content_filter" ? "content_filter" : "";
}

json::object encode_part(const Item& item, std::string_view text) {
    switch (item.kind) {
        case ItemKind::reasoning: return {{"type", "reasoning_text"}, {"text", text}};
        case ItemKind::refusal: return {{"type", "refusal"}, {"refusal", text}};
        default:
            return {{"type", "output_text"},
                    {"text", text},
                    {"annotations", json::array()},
                    {"logprobs", text.empty() ? json::array() : item.logprobs}};
    }
}

json::object encode_item(const Item& item, std::string_view status) {
    const bool begins = status == "in_progress";
    json::object out{{"id", item.id}};
    if (item.kind == ItemKind::call) {
        out["type"] = "function_call";
        out["status"] = status;
        out["arguments"] = begins ? "" : item.text;
        out["call_id"] = item.call_id;
        out["name"] = item.name;
        return out;
    }
    out["type"] = item.kind == ItemKind::reasoning ? "reasoning" : "message";
    out["status"] = status;
    if (item.kind == ItemKind::reasoning)
        out["summary"] = json::array();
    else
        out["role"] = "assistant";
    json::array content;
    if (!begins) content.emplace_back(encode_part(item, item.text));
    out["content"] = std::move(content);
    return out;
}

Item new_item(const Context& context, ItemKind kind, std::size_t index) {
    const auto stem = stem_of(context.id);
    const std::string_view prefix = kind == ItemKind::reasoning ? "rs" : kind == ItemKind::call ? "fc" : "msg";
    Item item{.kind = kind, .id = fmt::format("{}_{}_{}", prefix, stem, index)};
    if (kind == ItemKind::call) item.call_id = fmt::format("call_{}_{}", stem, index);
    return item;
}

json::value encode_usage(const json::object& chunk_or_reply) {
    const auto usage = llm::usage_of(chunk_or_reply);
    if (!usage) return nullptr;
    const auto* given = object_at(chunk_or_reply, "usage");
    const auto* details = given == nullptr ? nullptr : object_at(*given, "completion_tokens_details");
    const auto reasoning = details == nullptr ? 0 : integer_at(*details, "reasoning_tokens").value_or(0);
    return {{"input_tokens", usage->prompt_tokens},
            {"input_tokens_details", {{"cached_tokens", usage->cached_tokens}, {"cache_write_tokens", 0}}},
            {"output_tokens", usage->completion_tokens},
            {"output_tokens_details", {{"reasoning_tokens", reasoning}}},
            {"total_tokens", usage->prompt_tokens + usage->completion_tokens}};
}

std::string_view reasoning_at(const json::object& message) {
    const auto text = string_at(message, "reasoning_content");
    return text.empty() ? string_at(message, "reasoning") : text;
}

const json::array* logprobs_of(const json::object& choice) {
    const auto* logprobs = object_at(choice, "logprobs");
    return logprobs == nullptr ? nullptr : array_at(*logprobs, "content");
}

const json::object* first_choice(const json::object& chunk_or_reply) {
    const auto* choices = array_at(chunk_or_reply, "choices");
    for (std::size_t i = 0; choices != nullptr && i < choices->size(); ++i)
        if (const auto* choice = (*choices)[i].if_object())
            if (integer_at(*choice, "index").value_or(0) == 0) return choice;
    return nullptr;
}

json::object encode_reply(const Context& context, const json::object& reply, std::int64_t now) {
    static const json::object nothing;
    const auto* choice = first_choice(reply);
    const auto* given = choice == nullptr ? nullptr : object_at(*choice, "message");
    const auto& message = given == nullptr ? nothing : *given;
    std::vector<Item> items;
    const auto add = [&](ItemKind kind, std::string_view text) -> Item& {
        items.push_back(new_item(context, kind, items.size()));
        items.back().text = text;
        return items.back();
    };
    const auto* calls = array_at(message, "tool_calls");
    if (const auto text = reasoning_at(message); !text.empty()) add(ItemKind::reasoning, text);
    if (const auto text = string_at(message, "refusal"); !text.empty()) add(ItemKind::refusal, text);
    if (const auto text = string_at(message, "content"); !text.empty()) {
        auto& item = add(ItemKind::text, text);
        if (const auto* logprobs = logprobs_of(*choice)) item.logprobs = *logprobs;
    }
    for (std::size_t i = 0; calls != nullptr && i < calls->size(); ++i) {
        const auto* call = (*calls)[i].if_object();
        const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
        if (function == nullptr) continue;
        const auto arguments = string_at(*function, "arguments");
        auto& item = add(ItemKind::call, arguments.empty() ? "{}" : arguments);
        item.name = string_at(*function, "name");
        if (const auto id = string_at(*call, "id"); !id.empty()) item.call_id = id;
    }
    if (items.empty()) add(ItemKind::text, "");  // an answer of nothing is an answer as well
    return finished(context, choice == nullptr ? std::string_view{} : string_at(*choice, "finish_reason"), items,
                    encode_usage(reply), now);
}

Kept keep(Context& context, const json::object& response) {
    Conversation conversation(std::move(context.messages));
    if (const auto* output = array_at(response, "output"))
        for (const auto& item : *output) (void)conversation.add(item.as_object(), "output");
    return {.response = json::serialize(response),
            .input = json::serialize(context.input),
            .messages = json::serialize(conversation.messages())};
}

json::object encode_deleted(std::string_view id) { return {{"id", id}, {"object", "response"}, {"deleted", true}}; }

Result<json::object> encode_input_items(const Kept& kept, const Page& page) {
    auto parsed = parse_json(kept.input);
    if (!parsed || !parsed->is_array()) return fail(Code::internal, "the items that are kept cannot be read");
    auto& items = parsed->get_array();
    if (!page.ascending) std::ranges::reverse(items);
    const auto id_of = [](const json::value& item) { return string_at(item.get_object(), "id"); };
    auto from = items.begin();
    if (!page.after.empty()) {
        from = std::ranges::find(items, page.after, id_of);
        if (from == items.end())
            return fail_field("after", fmt::format("'after' is \"{}\"; expected the id of one of the response's items",
                                                   excerpt(page.after)));
        ++from;
    }
    const auto left = static_cast<std::size_t>(items.end() - from);
    const json::array data(from, from + static_cast<std::ptrdiff_t>(std::min(left, page.limit)));
    return json::object{{"object", "list"},
                        {"first_id", data.empty() ? "" : id_of(data.front())},
                        {"last_id", data.empty() ? "" : id_of(data.back())},
                        {"has_more", left > data.size()},
                        {"data", data}};
}

}  // namespace sarai::protocols::responses
