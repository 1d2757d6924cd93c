#include "remote/resume.hpp"

#include "protocols/json.hpp"
#include "protocols/openai.hpp"
#include "remote/answer_tokens.hpp"

namespace sarai::remote {

namespace json = boost::json;
using net::asio::awaitable;

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

awaitable<Result<RestOfAnswer>> rest_of_answer(const Link& link, const llm::Request& request,
                                               const llm::Partial& partial) {
    const auto prompt = co_await prompt_of(link, request);
    if (!prompt) co_return std::unexpected(prompt.error());
    const auto before = co_await tokenize(link, json::value(*prompt), true);
    if (!before) co_return std::unexpected(before.error());
    auto after = co_await answer_tokens(link, partial, true);
    if (!after) co_return std::unexpected(after.error());
    json::array ids;
    for (const auto& token : *before) ids.push_back(token.id);
    if (*after && (*after)->plausible()) {
        ids.insert(ids.end(), (*after)->ids.begin(), (*after)->ids.end());
    } else {
        // Read together: tokens of the text alone would be others, where a tokenizer puts a blank before each text.
        const auto all = co_await tokenize(link, json::value(*prompt + partial.text), true);
        if (!all) co_return std::unexpected(all.error());
        ids.clear();
        for (const auto& token : *all) ids.push_back(token.id);
    }
    const auto had = static_cast<std::int64_t>(ids.size()) - static_cast<std::int64_t>(before->size());
    RestOfAnswer rest{.body = {},
                      .had = std::max<std::int64_t>(0, had),
                      .prompt = static_cast<std::int64_t>(before->size()),
                      .exact = *after && (*after)->plausible() && (*after)->exact};
    const auto limit = llm::token_limit(request);
    if (limit && rest.had >= *limit) co_return rest;
    llm::Request raw{.task = llm::Task::completion, .model = request.model, .stream = true, .body = request.body};
    for (const auto* key : {"messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "logprobs",
                            "top_logprobs", "chat_template_kwargs", "reasoning_effort"})
        raw.body.erase(key);
    raw.body["prompt"] = std::move(ids);
    if (limit) llm::set_token_limit(raw.body, *limit - rest.had);
    rest.body = protocols::openai::encode_request(raw, true, link.model);
    co_return rest;
}

}  // namespace sarai::remote
