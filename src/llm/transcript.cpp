#include "llm/transcript.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <utility>

namespace sarai::llm {
namespace json = boost::json;

namespace {

constexpr std::size_t most_kept = 8U << 20U;     // of text
constexpr std::size_t most_unread = 64U << 10U;  // of chunks around it
constexpr std::int64_t most_tokens = std::int64_t{1} << 53U;
// What the first chunk tells of the answer as a whole.
constexpr std::array identity{"id", "object", "created", "model", "system_fingerprint"};
// Forms that llama-server, Ollama, vLLM and SGLang can be told to keep to.
constexpr std::array forms{
    "format",       "json_schema",   "grammar",        "structured_outputs",      "guided_json",
    "guided_regex", "guided_choice", "guided_grammar", "guided_decoding_backend", "structural_tag",
    "regex",        "ebnf"};
// Names of the most tokens to make; the last two are llama-server's and Ollama's.
constexpr std::array limits{"max_tokens", "max_completion_tokens", "n_predict", "num_predict"};

// nullptr where it is absent, null, or of another type.
template <class Type>
const Type* at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr) return nullptr;
    if constexpr (std::is_same_v<Type, json::object>) return value->if_object();
    if constexpr (std::is_same_v<Type, json::array>) return value->if_array();
    if constexpr (std::is_same_v<Type, json::string>) return value->if_string();
}
json::object* object_in(json::object& object, std::string_view key) {
    auto* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}
std::optional<std::int64_t> count(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    const auto number = value->try_to_number<std::int64_t>();
    // So that sums of them do not overflow, whatever a server counts.
    return number ? std::optional(std::clamp(*number, -most_tokens, most_tokens)) : std::nullopt;
}
bool is_true(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}
bool is_given(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && !value->is_null();
}

bool has_tools(const json::object& body) {
    const auto* tools = at<json::array>(body, "tools");
    const auto* choice = at<json::string>(body, "tool_choice");
    return (tools != nullptr && !tools->empty() && (choice == nullptr || *choice != "none")) ||
           is_given(body, "functions");
}
bool is_constrained(const json::object& body) {
    if (const auto* format = at<json::object>(body, "response_format")) {
        const auto* type = at<json::string>(*format, "type");
        if (type == nullptr || *type != "text") return true;
    }
    return std::ranges::any_of(forms, [&](const char* key) { return is_given(body, key); });
}
bool is_text(const json::value& content) {
    const auto* parts = content.if_array();
    return parts == nullptr || std::ranges::all_of(*parts, [](const json::value& value) {
               const auto* part = value.if_object();
               const auto* type = part == nullptr ? nullptr : at<json::string>(*part, "type");
               return type != nullptr && *type == "text";
           });
}
bool all_text(const json::object& body) {
    const auto* messages = at<json::array>(body, "messages");
    return messages != nullptr && std::ranges::all_of(*messages, [](const json::value& value) {
               const auto* message = value.if_object();
               if (message == nullptr || is_given(*message, "images")) return false;
               const auto* content = message->if_contains("content");
               return content == nullptr || is_text(*content);
           });
}

std::string why_never(const Request& request) {
    const auto& body = request.body;
    if (request.task == Task::embedding) return "embeddings are no text";
    if (request.task == Task::rerank) return "scores are no text";
    if (request.task == Task::transcription) return "nobody else has the recording";
    if (count(body, "n").value_or(1) > 1 || count(body, "best_of").value_or(1) > 1)
        return "several choices were asked for";
    if (is_given(body, "suffix") || is_true(body, "echo")) return "a suffix or an echo was asked for";
    if (request.task == Task::chat) {
        if (has_tools(body)) return "tools were offered";
        if (!all_text(body)) return "its prompt is not text alone";
        if (is_true(body, "logprobs")) return "log probabilities were asked for";
    } else {
        if (at<json::string>(body, "prompt") == nullptr) return "its prompt is not one text";
        if (is_given(body, "logprobs")) return "log probabilities were asked for";
    }
    if (is_constrained(body)) return "its form is constrained";
    return {};
}

// What a first part of `had` tokens adds to the answer it takes from the prompt.
void move_tokens(json::object& counts, std::int64_t had, std::string_view answer,
                 std::initializer_list<std::string_view> prompt) {
    if (const auto own = count(counts, answer)) counts[answer] = *own + had;
    for (const auto key : prompt)
        if (const auto own = count(counts, key)) {
            const auto taken = std::min(had, *own);
            counts[key] = *own - taken;
            had -= taken;
        }
}

}  // namespace

std::optional<std::int64_t> token_limit(const Request& request) {
    std::optional<std::int64_t> limit;
    const auto* options = at<json::object>(request.body, "options");  // Ollama's
    for (const auto* key : limits)
        for (const auto* body : {&request.body, options})
            if (const auto given = body == nullptr ? std::nullopt : count(*body, key); given && *given >= 0)
                limit = std::min(limit.value_or(*given), *given);
    return limit;
}

void set_token_limit(json::object& body, std::int64_t limit) {
    for (const auto* key : limits) {
        body.erase(key);
        if (auto* options = object_in(body, "options")) options->erase(key);
    }
    body["max_tokens"] = limit;
}

Request with_prefill(const Request& request, const Partial& partial, std::int64_t had) {
    Request rest{
        .task = request.task, .model = request.model, .stream = request.stream, .body = request.body, .id = request.id};
    if (const auto limit = token_limit(request)) set_token_limit(rest.body, std::max<std::int64_t>(1, *limit - had));
    if (request.task == Task::completion) {
        if (auto* prompt = rest.body["prompt"].if_string()) prompt->append(partial.text);
        return rest;
    }
    auto* messages = rest.body["messages"].if_array();
    if (messages == nullptr) return rest;
    auto* last = messages->empty() ? nullptr : messages->back().if_object();
    const auto* role = last == nullptr ? nullptr : at<json::string>(*last, "role");
    // The client had begun the answer itself: two assistants in a row are refused.
    auto* begun = role != nullptr && *role == "assistant" ? last->if_contains("content") : nullptr;
    if (begun != nullptr && begun->is_string())
        begun->get_string().append(partial.text);
    else if (begun != nullptr && begun->is_array())
        begun->get_array().push_back({{"type", "text"}, {"text", partial.text}});
    else
        messages->push_back({{"role", "assistant"}, {"content", partial.text}});
    return rest;
}

std::vector<std::string_view> Partial::pieces() const {
    std::vector<std::string_view> all;
    std::size_t begin = 0;
    for (const auto end : ends) {
        all.push_back(std::string_view(text).substr(begin, end - begin));
        begin = end;
    }
    return all;
}

Transcript::Transcript(const Request& request)
    : task_(request.task),
      why_not_(request.may_fail_over ? why_never(request) : "the client allows nobody to go on with it") {}

void Transcript::give_up(std::string why) {
    if (why_not_.empty()) why_not_ = std::move(why);
    unread_ = {};
    partial_ = {};
}

void Transcript::add(const StreamEvent& event) {
    if (!why_not_.empty()) return;
    if (event.is_only_text()) {
        unread_.push_back(event.text());
        unread_size_ += event.text().size();
        if (unread_size_ > most_unread) read_unread();
        return;
    }
    if (!std::exchange(begun_, true))
        for (const auto* key : identity)
            if (const auto* value = event.chunk().if_contains(key)) first_[key] = *value;
    if (!finish_reason_of(event).empty()) return give_up("it was at its end");
    if (!has_output(event)) return;
    const auto text = text_of(event);
    if (text.empty()) return give_up("it began with reasoning or a tool call");
    read_unread();
    partial_.text += text;
    partial_.ends.push_back(partial_.text.size());
    if (partial_.text.size() > most_kept) give_up("it is longer than 8 MiB");
}

void Transcript::read_unread() {
    for (auto& chunk : std::exchange(unread_, {})) {
        partial_.text += text_of(StreamEvent::only_text(std::move(chunk)));
        partial_.ends.push_back(partial_.text.size());
    }
    unread_size_ = 0;
    if (partial_.text.size() > most_kept) give_up("it is longer than 8 MiB");
}

Result<const Partial*> Transcript::so_far() {
    if (why_not_.empty()) read_unread();
    if (!why_not_.empty()) return fail(Code::unsupported, "nobody can go on with the answer: " + why_not_);
    return &partial_;
}

Result<Partial> Transcript::partial() {
    return so_far().transform([](const Partial* partial) { return *partial; });
}

std::optional<StreamEvent> Transcript::continued(const StreamEvent& event, std::int64_t had) const {
    auto chunk = event.chunk();
    for (const auto& [key, value] : first_) chunk[key] = value;
    if (auto* usage = object_in(chunk, "usage")) {
        move_tokens(*usage, had, "completion_tokens", {"prompt_tokens"});
        // What a prompt cache had of the part before is no longer among the prompt.
        if (auto* details = object_in(*usage, "prompt_tokens_details"))
            if (const auto cached = count(*details, "cached_tokens"))
                (*details)["cached_tokens"] = std::min(*cached, count(*usage, "prompt_tokens").value_or(*cached));
    }
    if (auto* timings = object_in(chunk, "timings")) move_tokens(*timings, had, "predicted_n", {"prompt_n", "cache_n"});
    auto* choices = chunk["choices"].if_array();
    auto* choice = choices == nullptr || choices->empty() ? nullptr : choices->front().if_object();
    if (choice != nullptr)
        if (auto* delta = object_in(*choice, "delta")) delta->erase("role");
    StreamEvent result(std::move(chunk));
    if (choice != nullptr && !has_output(result) && finish_reason_of(result).empty() && !usage_of(result.chunk()))
        return std::nullopt;
    return result;
}

StreamEvent Transcript::end_at_limit(std::int64_t prompt, std::int64_t had) const {
    auto chunk = first_;
    chunk["usage"] = {{"prompt_tokens", prompt}, {"completion_tokens", had}, {"total_tokens", prompt + had}};
    json::object choice{{"index", 0}, {"finish_reason", "length"}};
    if (task_ == Task::chat)
        choice["delta"] = json::object{};
    else
        choice["text"] = "";
    chunk["choices"] = json::array{std::move(choice)};
    return StreamEvent(std::move(chunk));
}

}  // namespace sarai::llm
