#include "remote/infill.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

#include "net/framing.hpp"
#include "protocols/json.hpp"
#include "protocols/upstream_error.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using protocols::integer_at;
using protocols::string_at;

// What /infill takes as it is.
constexpr std::array passed{
    "temperature",       "top_p",     "top_k", "min_p", "seed", "stop", "repeat_penalty", "presence_penalty",
    "frequency_penalty", "logit_bias"};

std::unexpected<Error> cannot(const char* field, std::string message) {
    return std::unexpected(Error{.code = Code::unsupported, .message = std::move(message), .field = field});
}

// What llama-server tells of its own completions, with names of OpenAI's.
class Completion {
public:
    explicit Completion(const llm::Request& request)
        : id_("cmpl-" + request.id),
          model_(request.model),
          created_(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
                       .count()) {}

    // A part of the answer, or all of it.
    [[nodiscard]] json::object of(const json::object& answer, bool ended) const {
        json::value reason = nullptr;
        if (ended) reason = string_at(answer, "stop_type") == "limit" ? "length" : "stop";
        json::object reply = with_text(string_at(answer, "content"), std::move(reason));
        if (!ended) return reply;
        const auto used = integer_at(answer, "tokens_evaluated").value_or(0);
        const auto made = integer_at(answer, "tokens_predicted").value_or(0);
        reply["usage"] = {{"prompt_tokens", used}, {"completion_tokens", made}, {"total_tokens", used + made}};
        if (const auto* timings = protocols::object_at(answer, "timings")) reply["timings"] = *timings;
        return reply;
    }
    [[nodiscard]] json::object with_text(std::string_view text, json::value reason) const {
        return {{"id", id_},
                {"object", "text_completion"},
                {"created", created_},
                {"model", model_},
                {"choices",
                 json::array{json::object{
                     {"index", 0}, {"text", text}, {"logprobs", nullptr}, {"finish_reason", std::move(reason)}}}}};
    }

private:
    std::string id_;
    std::string model_;
    std::int64_t created_;
};

// llama-server's own stream: events with "content", the last one with "stop": true.
class FillFeed final : public Feed {
public:
    explicit FillFeed(const llm::Request& request) : completion_(request) {}

    Result<void> feed(std::string_view bytes, std::vector<llm::StreamEvent>& events) override {
        if (auto fed = parser_.feed(bytes); !fed) return fed;
        while (!ended_) {
            const auto unit = parser_.next();
            if (!unit) break;
            const auto parsed = protocols::parse_json(unit->data);
            const auto* part = parsed ? parsed->if_object() : nullptr;
            if (part == nullptr) return fail(Code::upstream, "sent an event that is no object");
            if (part->contains("error")) return std::unexpected(protocols::error_of(part->at("error")));
            ended_ = protocols::true_at(*part, "stop");
            events.emplace_back(completion_.of(*part, ended_));
        }
        return {};
    }
    bool ended() const override { return ended_; }
    Result<void> close(std::vector<llm::StreamEvent>& events) override {
        if (auto fed = feed("\n\n", events); !fed) return fed;
        if (!ended_) return fail(Code::unavailable, "the connection was closed in the middle of the answer");
        return {};
    }

private:
    net::SseParser parser_;
    Completion completion_;
    bool ended_ = false;
};

std::string body_of(const llm::Request& request, bool stream) {
    json::object body{{"input_prefix", string_at(request.body, "prompt")},
                      {"input_suffix", string_at(request.body, "suffix")},
                      {"prompt", ""},
                      {"stream", stream}};
    if (const auto limit = integer_at(request.body, "max_tokens")) body["n_predict"] = *limit;
    for (const auto* key : passed)
        if (const auto* value = protocols::find(request.body, key)) body[key] = *value;
    return json::serialize(body);
}

// "Infill is not supported by this model": the model's nature, not a failure.
Error told(Error error, const llm::Request& request) {
    if (!error.message.contains("nfill")) return error;
    return {.code = Code::unsupported,
            .message = fmt::format("model '{}' was not taught to fill in the middle of a text", request.model),
            .field = "suffix"};
}

}  // namespace

Result<void> check_infill(const llm::Request& request) {
    const auto* prompt = protocols::find(request.body, "prompt");
    if (prompt == nullptr || !prompt->is_string())
        return cannot("suffix", "'suffix' needs a 'prompt' that is one text, where a local model answers");
    if (protocols::true_at(request.body, "echo"))
        return cannot("echo", "'echo' and 'suffix' cannot be had together from a local model");
    for (const auto* key : {"n", "best_of"})
        if (integer_at(request.body, key).value_or(1) > 1)
            return cannot(key, fmt::format("'{}' is more than 1; with 'suffix' a local model gives one answer", key));
    for (const auto* key : {"logprobs", "response_format", "format", "json_schema", "grammar"})
        if (protocols::find(request.body, key) != nullptr)
            return cannot(key, fmt::format("'{}' and 'suffix' cannot be had together from a local model", key));
    return {};
}

net::asio::awaitable<Result<json::object>> fill_in(const Link& link, const llm::Request& request) {
    const auto reply = co_await post(traced(link, request), "/infill", body_of(request, false));
    if (!reply) co_return std::unexpected(told(reply.error(), request));
    const auto parsed = protocols::parse_json(*reply);
    const auto* object = parsed ? parsed->if_object() : nullptr;
    if (object == nullptr)
        co_return std::unexpected(named(link, {.code = Code::upstream, .message = "sent something that is no object"}));
    co_return Completion(request).of(*object, true);
}

net::asio::awaitable<Result<std::unique_ptr<llm::EventStream>>> stream_infill(const Link& link,
                                                                              const llm::Request& request) {
    auto opened = co_await open_stream(traced(link, request), "/infill", body_of(request, true));
    if (!opened) co_return std::unexpected(told(opened.error(), request));
    co_return make_event_stream(link, std::move(*opened), std::make_unique<FillFeed>(request));
}

}  // namespace sarai::remote
