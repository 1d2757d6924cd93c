#include "remote/resume.hpp"

#include <boost/json/serialize.hpp>

#include "protocols/json.hpp"
#include "protocols/openai.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using net::asio::awaitable;

// Quick questions: the client waits in the middle of its answer.
awaitable<Result<json::object>> ask(Link link, std::string target, const json::object& body) {
    link.budgets.total = std::min<std::chrono::milliseconds>(link.budgets.total, std::chrono::seconds(30));
    const auto reply = co_await post(link, std::move(target), json::serialize(body));
    if (!reply) co_return std::unexpected(reply.error());
    auto value = protocols::parse_json(*reply);
    if (!value || !value->is_object())
        co_return std::unexpected(named(
            link, Error{.code = Code::upstream, .message = "sent no JSON object: " + protocols::excerpt(*reply)}));
    co_return std::move(value->get_object());
}

awaitable<Result<std::int64_t>> count_tokens(const Link& link, std::string_view text) {
    const json::object body{{"content", text}, {"add_special", true}, {"parse_special", true}};
    const auto reply = co_await ask(link, "/tokenize", body);
    if (!reply) co_return std::unexpected(reply.error());
    const auto* tokens = protocols::array_at(*reply, "tokens");
    if (tokens == nullptr)
        co_return std::unexpected(named(link, Error{.code = Code::upstream, .message = "sent no tokens"}));
    co_return static_cast<std::int64_t>(tokens->size());
}

awaitable<Result<std::string>> prompt_of(const Link& link, const llm::Request& request) {
    if (request.task == llm::Task::completion) co_return std::string(protocols::string_at(request.body, "prompt"));
    // Whatever bears on the prompt (tools that may not be called, template arguments) is among it.
    auto about = request.body;
    for (const auto* key : {"stream", "stream_options", "model"}) about.erase(key);
    // An answer that comes here has begun with text: a template must not open a thought before it.
    if (!about["chat_template_kwargs"].is_object()) about["chat_template_kwargs"] = json::object{};
    about["chat_template_kwargs"].get_object()["enable_thinking"] = false;
    const auto reply = co_await ask(link, "/apply-template", about);
    if (!reply) co_return std::unexpected(reply.error());
    const auto prompt = protocols::string_at(*reply, "prompt");
    const auto opened = prompt.rfind("<think>");
    if (prompt.empty() ||
        (opened != std::string_view::npos && prompt.find("</think>", opened) == std::string_view::npos))
        co_return std::unexpected(
            named(link, Error{.code = Code::upstream, .message = "made no prompt that an answer can follow"}));
    co_return std::string(prompt);
}

}  // namespace

awaitable<Result<RestOfAnswer>> rest_of_answer(const Link& link, const llm::Request& request,
                                               const llm::Partial& partial) {
    auto prompt = co_await prompt_of(link, request);
    if (!prompt) co_return std::unexpected(prompt.error());
    // Counted together: tokens of the text alone would be others, where a tokenizer puts a blank before each text.
    const auto before = co_await count_tokens(link, *prompt);
    if (!before) co_return std::unexpected(before.error());
    *prompt += partial.text;
    const auto all = co_await count_tokens(link, *prompt);
    if (!all) co_return std::unexpected(all.error());

    RestOfAnswer rest{.body = {}, .had = std::max<std::int64_t>(0, *all - *before), .prompt = *before};
    const auto limit = llm::token_limit(request);
    if (limit && rest.had >= *limit) co_return rest;
    llm::Request raw{.task = llm::Task::completion, .model = request.model, .stream = true, .body = request.body};
    for (const auto* key : {"messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "logprobs",
                            "top_logprobs", "chat_template_kwargs", "reasoning_effort"})
        raw.body.erase(key);
    raw.body["prompt"] = *prompt;
    if (limit) llm::set_token_limit(raw.body, *limit - rest.had);
    rest.body = protocols::openai::encode_request(raw, true, link.model);
    co_return rest;
}

}  // namespace sarai::remote
