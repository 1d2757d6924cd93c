#include <boost/json/serialize.hpp>
#include <utility>

#include "protocols/anthropic.hpp"
#include "protocols/anthropic_message.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::anthropic {
namespace {

// The name of an event is its object's type as well.
void append_event(std::string& out, const json::object& event) {
    out += "event: ";
    out += string_at(event, "type");
    out += "\ndata: ";
    out += json::serialize(event);
    out += "\n\n";
}

}  // namespace

void EventEncoder::chunk(const json::object& chunk, std::string& out) {
    for (const auto& [key, value] : chunk)
        if (key.starts_with("sarai_")) notes_[key] = value;
    if (!begun_) id_ = string_at(chunk, "id");
    if (const auto usage = llm::usage_of(chunk)) usage_ = usage;
    const auto* choice = first_choice(chunk);
    if (choice == nullptr) return;
    if (const auto reason = string_at(*choice, "finish_reason"); !reason.empty()) finish_reason_ = reason;
    if (const auto stop = stop_sequence_of(*choice); !stop.empty()) stop_sequence_ = stop;
    const auto* delta = object_at(*choice, "delta");
    if (delta == nullptr) return;
    const auto thinking = string_at(*delta, "reasoning_content");
    add_text(Kind::thinking, thinking.empty() ? string_at(*delta, "reasoning") : thinking);
    add_text(Kind::text, string_at(*delta, "content"));
    if (const auto refusal = string_at(*delta, "refusal"); !refusal.empty()) {
        refused_ = true;
        add_text(Kind::text, refusal);
    }
    if (const auto* calls = array_at(*delta, "tool_calls")) add_calls(*calls);
    advance(false, out);
}

void EventEncoder::heartbeat(std::string& out) { append_event(out, {{"type", "ping"}}); }

void EventEncoder::finish(std::string& out) {
    if (!begun_) start_message(out);
    advance(true, out);
    bool called = false;
    for (const auto& block : blocks_) called = called || block.kind == Kind::tool;
    json::object delta;
    set_end(delta,
            {.finish_reason = finish_reason_, .stop_sequence = stop_sequence_, .called = called, .refused = refused_});
    emit({{"type", "message_delta"}, {"delta", std::move(delta)}, {"usage", usage_json(usage_)}}, out);
    emit({{"type", "message_stop"}}, out);
}

void EventEncoder::error(const Error& error, std::string& out, std::string_view request_id) {
    append_event(out, encode_error(error, request_id));
}

void EventEncoder::add_text(Kind kind, std::string_view text) {
    if (text.empty()) return;
    if (blocks_.empty() || blocks_.back().kind != kind) blocks_.push_back({.kind = kind});
    blocks_.back().pending += text;
}

void EventEncoder::add_calls(const json::array& calls) {
    for (const auto& value : calls) {
        const auto* call = value.if_object();
        const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
        if (function == nullptr) continue;
        const auto index = integer_at(*call, "index").value_or(0);
        const auto id = string_at(*call, "id");
        auto place = blocks_.size();
        while (place > 0 && (blocks_[place - 1].kind != Kind::tool || blocks_[place - 1].call != index)) --place;
        // Servers that give every call whole may give all of them the same index.
        if (place == 0 || (!id.empty() && !blocks_[place - 1].id.empty() && id != blocks_[place - 1].id)) {
            blocks_.push_back({.kind = Kind::tool, .call = index});
            place = blocks_.size();
        }
        // Of a block that is closed nothing but blanks can come: its arguments were whole.
        auto& block = blocks_[place - 1];
        if (block.id.empty()) block.id = id;
        if (block.name.empty()) block.name = string_at(*function, "name");
        const auto arguments = string_at(*function, "arguments");
        block.pending += arguments;
        block.arguments += arguments;
    }
}

bool EventEncoder::is_whole(const Block& block) {
    if (block.kind != Kind::tool) return true;
    return block.arguments.ends_with('}') && parse_json(block.arguments).has_value();
}

void EventEncoder::advance(bool end, std::string& out) {
    for (; at_ < blocks_.size(); ++at_, open_ = false) {
        auto& block = blocks_[at_];
        if (!open_) {
            if (block.kind == Kind::tool && block.name.empty() && !end) return;
            start(block, out);
            open_ = true;
        }
        if (!block.pending.empty()) {
            json::object delta;
            switch (block.kind) {
                case Kind::text: delta = {{"type", "text_delta"}, {"text", block.pending}}; break;
                case Kind::thinking: delta = {{"type", "thinking_delta"}, {"thinking", block.pending}}; break;
                case Kind::tool: delta = {{"type", "input_json_delta"}, {"partial_json", block.pending}}; break;
            }
            block.pending.clear();
            emit({{"type", "content_block_delta"}, {"index", at_}, {"delta", std::move(delta)}}, out);
        }
        if (!end && (at_ + 1 == blocks_.size() || !is_whole(block))) return;
        if (block.kind == Kind::thinking)  // clients wait for a signature; nobody here checks one
            emit({{"type", "content_block_delta"},
                  {"index", at_},
                  {"delta", json::object{{"type", "signature_delta"}, {"signature", ""}}}},
                 out);
        emit({{"type", "content_block_stop"}, {"index", at_}}, out);
        block.arguments = {};
    }
}

void EventEncoder::start_message(std::string& out) {
    begun_ = true;
    emit({{"type", "message_start"}, {"message", message_of(id_, model_, usage_)}}, out);
}

void EventEncoder::start(const Block& block, std::string& out) {
    if (!begun_) start_message(out);
    json::object content;
    switch (block.kind) {
        case Kind::text: content = {{"type", "text"}, {"text", ""}}; break;
        case Kind::thinking: content = {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}; break;
        case Kind::tool: content = tool_use(block.id.empty() ? call_id(id_, at_) : block.id, block.name, {}); break;
    }
    emit({{"type", "content_block_start"}, {"index", at_}, {"content_block", std::move(content)}}, out);
}

void EventEncoder::emit(json::object event, std::string& out) {
    for (auto& [key, value] : std::exchange(notes_, {})) event[key] = value;
    append_event(out, event);
}

}  // namespace sarai::protocols::anthropic
