#include "remote/completion.hpp"

#include <boost/json/array.hpp>
#include <chrono>
#include <set>

#include "protocols/completion_logprobs.hpp"
#include "protocols/json.hpp"
#include "remote/answer_tokens.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;
using protocols::find;

bool wants_echo(const llm::Request& request) { return protocols::true_at(request.body, "echo"); }

class Echo final : public llm::EventStream {
public:
    Echo(std::unique_ptr<llm::EventStream> events, std::string prompt)
        : events_(std::move(events)), prompt_(std::move(prompt)) {}

    awaitable<Result<std::optional<llm::StreamEvent>>> next() override {
        auto event = co_await events_->next();
        if (!event || !*event) co_return event;
        // A chunk of text alone is of the one choice there is; after its first one the rest may pass as it came.
        if (begun_.contains(0) && (*event)->is_only_text()) co_return event;
        auto chunk = (*event)->chunk();
        bool changed = false;
        if (auto* choices = chunk.if_contains("choices"); choices != nullptr && choices->is_array())
            for (auto& value : choices->get_array())
                if (auto* choice = value.if_object();
                    choice && begun_.insert(protocols::integer_at(*choice, "index").value_or(0)).second) {
                    (*choice)["text"] = prompt_ + std::string(protocols::string_at(*choice, "text"));
                    changed = true;
                }
        if (changed) co_return llm::StreamEvent(std::move(chunk));
        co_return event;
    }
    [[nodiscard]] bool ready() const override { return events_->ready(); }

private:
    std::unique_ptr<llm::EventStream> events_;
    std::string prompt_;
    std::set<std::int64_t> begun_;  // indices of choices
};

class Converted final : public llm::EventStream {
public:
    explicit Converted(std::unique_ptr<llm::EventStream> events) : events_(std::move(events)) {}

    awaitable<Result<std::optional<llm::StreamEvent>>> next() override {
        auto event = co_await events_->next();
        if (!event || !*event) co_return event;
        auto chunk = (*event)->chunk();
        logprobs_.convert(chunk);
        co_return llm::StreamEvent(std::move(chunk));
    }
    [[nodiscard]] bool ready() const override { return events_->ready(); }

private:
    std::unique_ptr<llm::EventStream> events_;
    protocols::CompletionLogprobs logprobs_;
};

class OneEvent final : public llm::EventStream {
public:
    explicit OneEvent(json::object chunk) : event_(llm::StreamEvent(std::move(chunk))) {}
    awaitable<Result<std::optional<llm::StreamEvent>>> next() override { co_return std::exchange(event_, {}); }
    [[nodiscard]] bool ready() const override { return true; }

private:
    std::optional<llm::StreamEvent> event_;
};

}  // namespace

bool is_special_completion(const llm::Request& request) {
    return request.task == llm::Task::completion &&
           (wants_echo(request) || find(request.body, "logprobs") != nullptr || wants_no_tokens(request));
}

Result<void> check_completion(const llm::Request& request) {
    if (!wants_echo(request)) return {};
    const auto cannot = [](const char* field, const char* message) -> Result<void> {
        return std::unexpected(Error{.code = Code::unsupported, .message = message, .field = field});
    };
    const auto* prompt = find(request.body, "prompt");
    if (prompt == nullptr || !prompt->is_string())
        return cannot("echo", "'echo' needs a 'prompt' that is one text, where a local model answers");
    if (find(request.body, "logprobs") != nullptr)
        return cannot("logprobs", "'logprobs' and 'echo' cannot be had together: the engine tells none of a prompt");
    return {};
}

bool wants_no_tokens(const llm::Request& request) {
    return request.task == llm::Task::completion && protocols::integer_at(request.body, "max_tokens") == 0;
}

awaitable<Result<json::object>> no_tokens(const Link& link, const llm::Request& request) {
    const auto* prompt = find(request.body, "prompt");
    std::size_t count = 0;
    if (prompt != nullptr && prompt->is_string()) {
        const auto tokens = co_await tokenize(link, *prompt, true);
        if (!tokens) co_return std::unexpected(tokens.error());
        count = tokens->size();
    }
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    co_return json::object{
        {"id", "cmpl-" + request.id},
        {"object", "text_completion"},
        {"created", std::chrono::duration_cast<std::chrono::seconds>(now).count()},
        {"model", request.model},
        {"choices", json::array{json::object{
                        {"index", 0}, {"text", echo_of(request)}, {"logprobs", nullptr}, {"finish_reason", "length"}}}},
        {"usage", {{"prompt_tokens", count}, {"completion_tokens", 0}, {"total_tokens", count}}}};
}

std::unique_ptr<llm::EventStream> as_stream(json::object reply) { return std::make_unique<OneEvent>(std::move(reply)); }

void finish_completion(json::object& reply, const llm::Request& request) {
    protocols::CompletionLogprobs().convert(reply);
    put_in_front(reply, echo_of(request));
}

std::unique_ptr<llm::EventStream> finish_completion(std::unique_ptr<llm::EventStream> events,
                                                    const llm::Request& request) {
    if (find(request.body, "logprobs") != nullptr) events = std::make_unique<Converted>(std::move(events));
    return put_in_front(std::move(events), echo_of(request));
}

std::string echo_of(const llm::Request& request) {
    if (request.task != llm::Task::completion || !wants_echo(request)) return {};
    return std::string(protocols::string_at(request.body, "prompt"));
}

void put_in_front(json::object& reply, std::string_view prompt) {
    auto* choices = reply.if_contains("choices");
    if (prompt.empty() || choices == nullptr || !choices->is_array()) return;
    for (auto& value : choices->get_array())
        if (auto* choice = value.if_object())
            (*choice)["text"] = std::string(prompt) + std::string(protocols::string_at(*choice, "text"));
}

std::unique_ptr<llm::EventStream> put_in_front(std::unique_ptr<llm::EventStream> events, std::string prompt) {
    if (prompt.empty()) return events;
    return std::make_unique<Echo>(std::move(events), std::move(prompt));
}

}  // namespace sarai::remote
