#include <boost/json/serialize.hpp>
#include <ranges>

#include "base/utf8.hpp"
#include "protocols/json.hpp"
#include "protocols/openai.hpp"
#include "protocols/responses.hpp"
#include "protocols/responses_reply.hpp"

namespace sarai::protocols::responses {
namespace {

struct Names {
    std::string_view delta;
    std::string_view done;
    std::string_view text;  // the member of "done" that has the whole
};

Names names_of(ItemKind kind) {
    switch (kind) {
        case ItemKind::reasoning: return {"response.reasoning_text.delta", "response.reasoning_text.done", "text"};
        case ItemKind::text: return {"response.output_text.delta", "response.output_text.done", "text"};
        case ItemKind::refusal: return {"response.refusal.delta", "response.refusal.done", "refusal"};
        case ItemKind::call:
            return {"response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments"};
    }
    return {};
}

// Of the few codes that a response's error may have.
std::string_view code_of(const Error& error) {
    switch (error.code) {
        case Code::rate_limited:
        case Code::busy: return "rate_limit_exceeded";
        case Code::too_long: return "context_length_exceeded";
        case Code::invalid_argument:
        case Code::too_large:
        case Code::unsupported: return "invalid_prompt";
        default: return "server_error";
    }
}

}  // namespace

json::object StreamEncoder::event(std::string_view type) { return {{"type", type}, {"sequence_number", sequence_++}}; }

json::object StreamEncoder::item_event(std::string_view type, std::size_t index) {
    auto data = event(type);
    data["item_id"] = items_[index].id;
    data["output_index"] = index;
    if (items_[index].kind != ItemKind::call) data["content_index"] = 0;
    return data;
}

void StreamEncoder::append(json::object data, std::string& out) {
    for (auto& [key, value] : std::exchange(notes_, {})) data[key] = std::move(value);
    out.append("event: ").append(string_at(data, "type")).append("\ndata: ");
    out += json::serialize(data);
    out += "\n\n";
}

void StreamEncoder::append_response(std::string_view type, const json::object& response, std::string& out) {
    auto data = event(type);
    data["response"] = response;
    append(std::move(data), out);
}

void StreamEncoder::begin(std::string& out) {
    if (std::exchange(begun_, true)) return;
    const auto response = response_object(context_, "in_progress");
    append_response("response.created", response, out);
    append_response("response.in_progress", response, out);
}

void StreamEncoder::announce(std::size_t index, std::string& out) {
    const auto& item = items_[index];
    auto added = event("response.output_item.added");
    added["output_index"] = index;
    added["item"] = encode_item(item, "in_progress");
    append(std::move(added), out);
    if (item.kind == ItemKind::call) return;
    auto part = item_event("response.content_part.added", index);
    part["part"] = encode_part(item, "");
    append(std::move(part), out);
}

void StreamEncoder::close(std::size_t index, std::string_view status, std::string& out) {
    auto& item = items_[index];
    item.open = false;
    const auto names = names_of(item.kind);
    auto done = item_event(names.done, index);
    done[names.text] = item.text;
    if (item.kind == ItemKind::call) done["name"] = item.name;
    if (item.kind == ItemKind::text) done["logprobs"] = item.logprobs;
    append(std::move(done), out);
    if (item.kind != ItemKind::call) {
        auto part = item_event("response.content_part.done", index);
        part["part"] = encode_part(item, item.text);
        append(std::move(part), out);
    }
    auto ended = event("response.output_item.done");
    ended["output_index"] = index;
    ended["item"] = encode_item(item, status);
    append(std::move(ended), out);
}

void StreamEncoder::close_text(std::string& out) {
    if (const auto index = std::exchange(text_, std::nullopt)) close(*index, "completed", out);
}

void StreamEncoder::add_text(ItemKind kind, std::string_view text, const json::array* logprobs, std::string& out) {
    begin(out);
    if (text_ && items_[*text_].kind != kind) close_text(out);
    if (!text_) {
        text_ = items_.size();
        items_.push_back(new_item(context_, kind, *text_));
        announce(*text_, out);
    }
    auto& item = items_[*text_];
    item.text += text;
    auto delta = item_event(names_of(kind).delta, *text_);
    delta["delta"] = text;
    if (kind == ItemKind::text) {
        delta["logprobs"] = logprobs == nullptr ? json::array() : *logprobs;
        if (logprobs != nullptr) item.logprobs.insert(item.logprobs.end(), logprobs->begin(), logprobs->end());
    }
    append(std::move(delta), out);
}

void StreamEncoder::add_calls(const json::array& calls, std::string& out) {
    for (const auto& value : calls) {
        const auto* call = value.if_object();
        const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
        if (function == nullptr) continue;
        begin(out);
        close_text(out);
        const auto [at, is_new] = calls_.try_emplace(integer_at(*call, "index").value_or(0), items_.size());
        if (is_new) {
            auto item = new_item(context_, ItemKind::call, items_.size());
            if (const auto id = string_at(*call, "id"); !id.empty()) item.call_id = id;
            item.name = string_at(*function, "name");  // comes whole, with the first piece
            items_.push_back(std::move(item));
            announce(at->second, out);
        }
        const auto piece = string_at(*function, "arguments");
        if (piece.empty()) continue;
        items_[at->second].text += piece;
        auto delta = item_event(names_of(ItemKind::call).delta, at->second);
        delta["delta"] = piece;
        append(std::move(delta), out);
    }
}

void StreamEncoder::chunk(const json::object& chunk, std::string& out) {
    for (const auto& [key, value] : chunk)
        if (std::string_view(key).starts_with("sarai_")) notes_[key] = value;
    if (auto usage = encode_usage(chunk); !usage.is_null()) usage_ = std::move(usage);
    const auto* choice = first_choice(chunk);
    if (choice == nullptr) return;
    if (const auto reason = string_at(*choice, "finish_reason"); !reason.empty()) finish_reason_ = reason;
    const auto* delta = object_at(*choice, "delta");
    if (delta == nullptr) return;
    if (const auto text = reasoning_at(*delta); !text.empty()) add_text(ItemKind::reasoning, text, nullptr, out);
    if (const auto text = string_at(*delta, "refusal"); !text.empty()) add_text(ItemKind::refusal, text, nullptr, out);
    if (const auto text = string_at(*delta, "content"); !text.empty())
        add_text(ItemKind::text, text, logprobs_of(*choice), out);
    if (const auto* calls = array_at(*delta, "tool_calls")) add_calls(*calls, out);
}

void StreamEncoder::heartbeat(std::string_view what, std::string& out) { out.append(": ").append(what).append("\n\n"); }

json::object StreamEncoder::finish(std::int64_t now, std::string& out) {
    begin(out);
    if (items_.empty()) {  // an answer of nothing is an answer as well
        text_ = 0;
        items_.push_back(new_item(context_, ItemKind::text, 0));
        announce(0, out);
    }
    const bool cut = !reason_incomplete(finish_reason_).empty();
    for (std::size_t i = 0; i < items_.size(); ++i) {
        auto& item = items_[i];
        if (!item.open) continue;
        if (item.kind == ItemKind::call && item.text.empty()) item.text = "{}";
        close(i, cut && i + 1 == items_.size() ? "incomplete" : "completed", out);
    }
    text_.reset();
    auto response = finished(context_, finish_reason_, items_, std::move(usage_), now);
    append_response(cut ? "response.incomplete" : "response.completed", response, out);
    return response;
}

void StreamEncoder::fail(const Error& original, std::string& out) {
    begin(out);
    // Messages quote what upstreams said, perhaps cut in the middle of a character.
    const auto message = valid_utf8(describe(original));
    auto told = event("error");
    const auto envelope = openai::encode_error(original);
    told["code"] = envelope.at("error").at("code");
    told["message"] = message;
    told["param"] = original.field.empty() ? json::value() : json::value(valid_utf8(original.field));
    append(std::move(told), out);
    auto response = response_object(context_, "failed");
    response["error"] = json::object{{"code", code_of(original)}, {"message", message}};
    auto& output = response["output"].get_array();
    for (const auto& item : items_) output.emplace_back(encode_item(item, item.open ? "incomplete" : "completed"));
    response["usage"] = std::move(usage_);
    append_response("response.failed", response, out);
}

}  // namespace sarai::protocols::responses
