#include "llm/types.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "llm/text_size.hpp"

namespace sarai::llm {
namespace json = boost::json;
namespace {

const json::object* first_choice(const json::object& chunk) {
    const auto* choices = chunk.if_contains("choices");
    if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return nullptr;
    return choices->get_array().front().if_object();
}

std::string_view string_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return value->get_string();
}

// What a server counts may be anything; within these bounds sums do not overflow.
std::int64_t count_at(const json::object& object, std::string_view key) {
    constexpr std::int64_t most = std::int64_t{1} << 53U;
    const auto* value = object.if_contains(key);
    if (value == nullptr) return 0;
    const auto number = value->try_to_number<std::int64_t>();
    return number ? std::clamp(*number, -most, most) : 0;
}

double number_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr) return 0;
    const auto number = value->try_to_number<double>();
    return number ? *number : 0;
}

}  // namespace

bool may_truncate(const Request& request) {
    const auto* wanted = request.body.if_contains("truncate");
    return request.task == Task::embedding && wanted != nullptr && wanted->is_bool() && wanted->get_bool();
}

bool has_media(const Request& request) {
    const auto* messages = request.body.if_contains("messages");
    if (messages == nullptr || !messages->is_array()) return false;
    return std::ranges::any_of(messages->get_array(), [](const auto& message) {
        const auto* object = message.if_object();
        const auto* content = object == nullptr ? nullptr : object->if_contains("content");
        if (content == nullptr || !content->is_array()) return false;
        return std::ranges::any_of(content->get_array(), is_media);
    });
}

bool wants_infill(const Request& request) {
    return request.task == Task::completion && !string_at(request.body, "suffix").empty();
}

std::size_t longest_input(const Request& request) {
    // A token is mostly more than one byte as text, and at least one in the worker.
    const auto length = [](const json::value& input) -> std::size_t {
        if (const auto* text = input.if_string()) return text->size();
        const auto* tokens = input.if_array();
        return tokens == nullptr ? 1 : tokens->size();
    };
    const auto* input = request.body.if_contains("input");
    if (input == nullptr) return 0;
    auto longest = length(*input);
    if (const auto* all = input->if_array(); all != nullptr && !all->empty() && !all->front().is_number()) {
        longest = 0;
        for (const auto& one : *all) longest = std::max(longest, length(one));
    }
    return longest;
}

std::string_view name_of(Task task) {
    switch (task) {
        case Task::chat: return "chat";
        case Task::completion: return "completion";
        case Task::embedding: return "embedding";
        case Task::rerank: return "rerank";
        case Task::transcription: return "transcription";
        case Task::tokenize: return "tokenize";
        case Task::detokenize: return "detokenize";
        case Task::count: return "count";
    }
    return "chat";
}

StreamEvent StreamEvent::only_text(std::string text) {
    StreamEvent event;
    event.text_ = std::move(text);
    event.only_text_ = true;
    return event;
}

const json::object& StreamEvent::chunk() const {
    if (!chunk_) {
        json::parse_options options;
        options.max_depth = 128;  // as far as protocols::parse_json goes, which has seen a text of this form
        chunk_ = json::parse(text_, {}, options).as_object();
    }
    return *chunk_;
}

std::string_view text_of(const StreamEvent& event) {
    const auto* choice = first_choice(event.chunk());
    if (choice == nullptr) return {};
    if (const auto* delta = choice->if_contains("delta"); delta != nullptr && delta->is_object())
        return string_at(delta->get_object(), "content");
    return string_at(*choice, "text");
}

bool has_output(const StreamEvent& event) {
    if (event.is_only_text() || !text_of(event).empty()) return true;
    const auto* choice = first_choice(event.chunk());
    if (choice == nullptr) return false;
    const auto* delta = choice->if_contains("delta");
    if (delta == nullptr || !delta->is_object()) return false;
    const auto& fields = delta->get_object();
    return std::ranges::any_of(std::array{"reasoning_content", "reasoning", "refusal"},
                               [&](const char* key) { return !string_at(fields, key).empty(); }) ||
           fields.contains("tool_calls");
}

std::string_view finish_reason_of(const StreamEvent& event) {
    const auto* choice = first_choice(event.chunk());
    return choice == nullptr ? std::string_view{} : string_at(*choice, "finish_reason");
}

std::optional<Usage> usage_of(const json::object& chunk_or_reply) {
    const auto* usage = chunk_or_reply.if_contains("usage");
    if (usage == nullptr || !usage->is_object()) {
        const auto* timings = chunk_or_reply.if_contains("timings");
        if (timings == nullptr || !timings->is_object()) return std::nullopt;
        const auto& counts = timings->get_object();
        if (!counts.contains("predicted_n")) return std::nullopt;
        const auto cached = count_at(counts, "cache_n");
        return Usage{.prompt_tokens = count_at(counts, "prompt_n") + cached,
                     .completion_tokens = count_at(counts, "predicted_n"),
                     .cached_tokens = cached};
    }
    const auto& fields = usage->get_object();
    Usage result{.prompt_tokens = count_at(fields, "prompt_tokens"),
                 .completion_tokens = count_at(fields, "completion_tokens")};
    if (const auto* details = fields.if_contains("prompt_tokens_details"); details != nullptr && details->is_object())
        result.cached_tokens = count_at(details->get_object(), "cached_tokens");
    return result;
}

std::optional<Rates> rates_of(const json::object& chunk_or_reply) {
    const auto* timings = chunk_or_reply.if_contains("timings");
    if (timings == nullptr || !timings->is_object()) return std::nullopt;
    const auto& fields = timings->get_object();
    const Rates rates{.prompt_tokens = count_at(fields, "prompt_n"),
                      .prompt_seconds = number_at(fields, "prompt_ms") / 1000,
                      .decode_tokens = count_at(fields, "predicted_n"),
                      .decode_seconds = number_at(fields, "predicted_ms") / 1000};
    if (rates.prompt_tokens < 0 || rates.prompt_seconds < 0 || rates.decode_tokens < 0 || rates.decode_seconds < 0)
        return std::nullopt;
    return rates;
}

}  // namespace sarai::llm
