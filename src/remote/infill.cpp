#include "remote/infill.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

#include "protocols/json.hpp"
#include "remote/answer_tokens.hpp"

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

json::object as_completion(const json::object& answer, const llm::Request& request) {
    const auto used = integer_at(answer, "tokens_evaluated").value_or(0);
    const auto made = integer_at(answer, "tokens_predicted").value_or(0);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    json::object choice{{"index", 0},
                        {"text", string_at(answer, "content")},
                        {"logprobs", nullptr},
                        {"finish_reason", string_at(answer, "stop_type") == "limit" ? "length" : "stop"}};
    json::object reply{
        {"id", "cmpl-" + request.id},
        {"object", "text_completion"},
        {"created", std::chrono::duration_cast<std::chrono::seconds>(now).count()},
        {"model", request.model},
        {"choices", json::array{std::move(choice)}},
        {"usage", {{"prompt_tokens", used}, {"completion_tokens", made}, {"total_tokens", used + made}}}};
    if (const auto* timings = protocols::object_at(answer, "timings")) reply["timings"] = *timings;
    return reply;
}

}  // namespace

bool has_extras(const llm::Request& request) {
    return request.task == llm::Task::completion &&
           (!string_at(request.body, "suffix").empty() || protocols::true_at(request.body, "echo"));
}

Result<void> check_extras(const llm::Request& request, bool stream) {
    const bool suffix = !string_at(request.body, "suffix").empty();
    const char* field = suffix ? "suffix" : "echo";
    const auto* prompt = protocols::find(request.body, "prompt");
    if (prompt == nullptr || !prompt->is_string())
        return cannot(field, fmt::format("'{}' needs a 'prompt' that is one text, where a local model answers", field));
    if (stream) return cannot(field, fmt::format("'{}' cannot be streamed by a local model", field));
    if (suffix && protocols::true_at(request.body, "echo"))
        return cannot("echo", "'echo' and 'suffix' cannot be had together from a local model");
    if (integer_at(request.body, "n").value_or(1) > 1 && suffix)
        return cannot("n", "'n' is more than 1; with 'suffix' a local model gives one answer");
    return {};
}

net::asio::awaitable<Result<json::object>> fill_in(const Link& link, const llm::Request& request) {
    json::object body{{"input_prefix", string_at(request.body, "prompt")},
                      {"input_suffix", string_at(request.body, "suffix")},
                      {"prompt", ""},
                      {"stream", false}};
    if (const auto limit = integer_at(request.body, "max_tokens")) body["n_predict"] = *limit;
    for (const auto* key : passed)
        if (const auto* value = protocols::find(request.body, key)) body[key] = *value;
    const auto reply = co_await post(traced(link, request), "/infill", json::serialize(body));
    if (!reply) {
        auto error = reply.error();
        // "Infill is not supported by this model": the model's nature, not a failure.
        if (error.message.contains("nfill"))
            co_return std::unexpected(Error{.code = Code::unsupported,
                                            .message = fmt::format("model '{}' was not taught to fill in the middle of "
                                                                   "a text",
                                                                   request.model),
                                            .field = "suffix"});
        co_return std::unexpected(std::move(error));
    }
    const auto parsed = protocols::parse_json(*reply);
    const auto* object = parsed ? parsed->if_object() : nullptr;
    if (object == nullptr)
        co_return std::unexpected(named(link, {.code = Code::upstream, .message = "sent something that is no object"}));
    co_return as_completion(*object, request);
}

void put_prompt_in_front(json::object& reply, std::string_view prompt) {
    auto* choices = reply.if_contains("choices");
    if (choices == nullptr || !choices->is_array()) return;
    for (auto& value : choices->get_array())
        if (auto* choice = value.if_object())
            (*choice)["text"] = std::string(prompt) + std::string(string_at(*choice, "text"));
}

}  // namespace sarai::remote
