#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/utf8.hpp"
#include "protocols/json.hpp"
#include "protocols/openai.hpp"
#include "protocols/upstream_error.hpp"

namespace sarai::protocols::openai {
namespace {

struct Wording {
    std::string_view type;
    std::string_view code;
};

Wording wording_of(const Error& error) {
    switch (error.code) {
        case Code::invalid_argument: return {"invalid_request_error", "invalid_value"};
        case Code::unauthorized: return {"authentication_error", "invalid_api_key"};
        case Code::forbidden: return {"permission_error", error.field == "model" ? "model_not_allowed" : "forbidden"};
        case Code::not_found: return {"not_found_error", error.field == "model" ? "model_not_found" : "not_found"};
        case Code::method_not_allowed: return {"invalid_request_error", "method_not_allowed"};
        case Code::too_large: return {"invalid_request_error", "request_too_large"};
        case Code::too_long: return {"invalid_request_error", "context_length_exceeded"};
        case Code::unsupported_media: return {"invalid_request_error", "unsupported_media_type"};
        case Code::slow_request: return {"invalid_request_error", "request_timeout"};
        case Code::unsupported: return {"invalid_request_error", "unsupported"};
        case Code::no_memory: return {"overloaded_error", "insufficient_memory"};
        case Code::busy: return {"overloaded_error", "server_busy"};
        case Code::loading: return {"overloaded_error", "model_loading"};
        case Code::unavailable: return {"server_error", "backend_unavailable"};
        case Code::upstream: return {"server_error", "upstream_error"};
        case Code::rate_limited: return {"rate_limit_error", "rate_limit_exceeded"};
        case Code::denied_upstream: return {"server_error", "upstream_denied"};
        case Code::timeout: return {"server_error", "timeout"};
        case Code::cancelled: return {"server_error", "cancelled"};
        case Code::corrupt_file: return {"server_error", "corrupt_model"};
        case Code::io: return {"server_error", "io_error"};
        case Code::internal: return {"server_error", "internal_error"};
    }
    return {"server_error", "internal_error"};
}

Result<json::object> decode_object(std::string_view text, std::string_view what) {
    auto value = parse_json(text);
    if (!value || !value->is_object())
        return fail(Code::upstream,
                    fmt::format("the server sent {} that is not a JSON object: {}", what, excerpt(text)));
    auto& object = value->get_object();
    if (const auto* error = find(object, "error"); error != nullptr) return std::unexpected(error_of(*error));
    return std::move(object);
}

}  // namespace

json::object encode_error(const Error& error) {
    const auto [type, code] = wording_of(error);
    json::object inner;
    inner["message"] = valid_utf8(describe(error));  // it may quote whatever a server or a dying worker said
    inner["type"] = type;
    inner["param"] = error.field.empty() ? json::value(nullptr) : json::value(valid_utf8(error.field));
    inner["code"] = code;
    json::object outer;
    outer["error"] = std::move(inner);
    return outer;
}

void append_event(std::string& out, const json::object& chunk) {
    out += "data: ";
    out += json::serialize(chunk);
    out += "\n\n";
}

void append_event(std::string& out, const llm::StreamEvent& event) {
    // A text of several lines would need a "data:" before each.
    const auto& text = event.text();
    if (text.empty() || text.contains('\n') || text.contains('\r')) return append_event(out, event.chunk());
    out.append("data: ").append(text).append("\n\n");
}

std::string_view path_of(llm::Task task) {
    switch (task) {
        case llm::Task::chat: return "/chat/completions";
        case llm::Task::completion: return "/completions";
        case llm::Task::embedding: return "/embeddings";
        case llm::Task::rerank: return "/rerank";
        case llm::Task::transcription: return "/audio/transcriptions";
        case llm::Task::tokenize: return "/tokenize";
        case llm::Task::detokenize: return "/detokenize";
        case llm::Task::count: return "/apply-template";
    }
    return "/chat/completions";
}

namespace {

// Does the client's own text ask for just this? (Of a key that stands there twice the last counts, here and for
// servers.)
bool asks_for(const llm::Request& request, bool stream, std::string_view model) {
    if (request.text.empty() || string_at(request.body, "model") != model) return false;
    const auto* given = request.body.if_contains("stream");
    if (given == nullptr ? stream : !given->is_bool() || given->get_bool() != stream) return false;
    return stream || !request.body.contains("stream_options");
}

}  // namespace

std::string encode_request(const llm::Request& request, bool stream, std::string_view model) {
    if (asks_for(request, stream, model)) return std::string(request.text);
    // Member by member: a copy of the whole body would copy its images as well.
    std::string out = "{\"model\":";
    out += json::serialize(json::string_view(model));
    if (llm::generates(request.task)) out += stream ? ",\"stream\":true" : ",\"stream\":false";
    for (const auto& [key, value] : request.body) {
        if (key == "model" || key == "stream") continue;
        if (key == "stream_options" && !stream) continue;  // refused by servers where nothing is streamed
        out += ',';
        out += json::serialize(json::string_view(key));
        out += ':';
        out += json::serialize(value);
    }
    out += '}';
    return out;
}

std::vector<std::string> encode_in_parts(const llm::Request& request, std::string_view model, std::size_t most) {
    const auto* inputs = array_at(request.body, "input");
    // Numbers are the tokens of a single input.
    if (inputs == nullptr || inputs->size() <= most || inputs->front().is_number())
        return {encode_request(request, false, model)};
    llm::Request part{.task = request.task, .model = request.model, .stream = false, .body = {}};
    for (const auto& [key, value] : request.body)
        if (key != "input") part.body.emplace(key, value);
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < inputs->size(); at += most) {
        const auto count = std::min(most, inputs->size() - at);
        part.body["input"] = json::array(inputs->begin() + at, inputs->begin() + at + count);
        parts.push_back(encode_request(part, false, model));
    }
    return parts;
}

void append_part(json::object& reply, json::object part) {
    auto* data = reply.if_contains("data");
    auto* more = part.if_contains("data");
    if (data != nullptr && data->is_array() && more != nullptr && more->is_array()) {
        auto& all = data->get_array();
        for (auto& element : more->get_array()) {
            if (auto* object = element.if_object()) (*object)["index"] = all.size();
            all.push_back(std::move(element));
        }
    }
    auto* usage = reply.if_contains("usage");
    const auto* further = object_at(part, "usage");
    if (usage == nullptr || !usage->is_object() || further == nullptr) return;
    for (auto& [key, value] : usage->get_object())
        if (integer_of(value)) value = count_at(usage->get_object(), key) + count_at(*further, key);
}

llm::StreamEvent as_chat(const llm::StreamEvent& completion) {
    auto chunk = completion.chunk();
    chunk["object"] = "chat.completion.chunk";
    if (auto* choices = chunk["choices"].if_array())
        for (auto& value : *choices)
            if (auto* choice = value.if_object()) {
                json::object delta;
                if (const auto text = string_at(*choice, "text"); !text.empty()) delta["content"] = text;
                choice->erase("text");
                (*choice)["delta"] = std::move(delta);
            }
    return llm::StreamEvent(std::move(chunk));
}

Result<json::object> decode_reply(std::string_view body, std::string_view client_model) {
    auto object = decode_object(body, "a reply");
    if (object) (*object)["model"] = client_model;
    return object;
}

Result<std::optional<llm::StreamEvent>> StreamDecoder::event(std::string_view name, std::string data) {
    if (name.empty() && fits_mould(data)) return llm::StreamEvent::only_text(std::move(data));
    if (data == "[DONE]") {
        ended_ = true;
        return std::nullopt;
    }
    if (data == "null") return std::nullopt;  // llama-server, between the answers to a list of prompts
    auto chunk = decode_object(data, "a chunk");
    if (!chunk) return std::unexpected(std::move(chunk.error()));
    if (name == "error") return std::unexpected(error_of(json::value(std::move(*chunk))));
    note_choices(*chunk);
    if (string_at(*chunk, "model") == model_) {
        llm::StreamEvent event(std::move(*chunk), std::move(data));
        keep_mould(event);
        return event;
    }
    (*chunk)["model"] = model_;
    return llm::StreamEvent(std::move(*chunk));
}

void StreamDecoder::keep_mould(const llm::StreamEvent& event) {
    static constexpr std::string_view key = "\"content\"";
    static constexpr std::string_view open = ":\"";
    const auto* choices = array_at(event.chunk(), "choices");
    if (choices == nullptr || choices->size() != 1 || !llm::finish_reason_of(event).empty() ||
        llm::usage_of(event.chunk()))
        return;
    // Inside of strings quotes are escaped, so what looks like this key is one. More than one could be mixed up.
    const std::string_view text = event.text();
    if (llm::text_of(event).empty()) {
        // The chunk that opens an answer tells how the next one will look, so that the first token need not be parsed.
        static constexpr std::string_view opening = "\"delta\":{\"role\":\"assistant\",\"content\":null}";
        static constexpr std::string_view filled = "\"delta\":{\"content\":\"";
        const auto at = text.find(opening);
        if (at == std::string_view::npos) return;
        mould_.before.assign(text.substr(0, at)).append(filled);
        mould_.after.assign("\"}").append(text.substr(at + opening.size()));
        // What looks like the choice's delta may be somebody else's.
        if (llm::text_of(llm::StreamEvent::only_text(mould_.before + "x" + mould_.after)) != "x") mould_ = {};
        return;
    }
    const auto at = text.find(key);
    if (at == std::string_view::npos || text.find(key, at + 1) != std::string_view::npos) return;
    const auto begin = at + key.size() + open.size();
    if (text.substr(at + key.size(), open.size()) != open) return;
    auto end = begin;
    while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    mould_ = {.before = std::string(text.substr(0, begin)), .after = std::string(text.substr(end))};
}

bool StreamDecoder::fits_mould(std::string_view data) const {
    const auto& [before, after] = mould_;
    if (before.empty() || data.size() <= before.size() + after.size() || !data.starts_with(before) ||
        !data.ends_with(after))
        return false;
    // Escapes and code points beyond ASCII are left to the parser, which checks them.
    const auto text = data.substr(before.size(), data.size() - before.size() - after.size());
    return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

void StreamDecoder::note_choices(const json::object& chunk) {
    const auto* choices = array_at(chunk, "choices");
    if (choices == nullptr) return;
    for (const auto& value : *choices) {
        const auto* choice = value.if_object();
        if (choice == nullptr) continue;
        const auto index = static_cast<std::uint64_t>(integer_at(*choice, "index").value_or(0)) & 63U;
        begun_ |= std::uint64_t{1} << index;
        if (!string_at(*choice, "finish_reason").empty()) finished_ |= std::uint64_t{1} << index;
    }
}

Result<void> StreamDecoder::close() const {
    if (ended_ || (begun_ != 0 && begun_ == finished_)) return {};
    return fail(Code::unavailable, begun_ == 0 ? "the server closed the stream before its answer began"
                                               : "the server closed the stream in the middle of its answer");
}

}  // namespace sarai::protocols::openai
