// The model "auto": which one answers, what would, what somebody is about to ask, and whether it was right.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/why.hpp"
#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;

namespace {

std::unexpected<Error> cannot_embed(const config::Config& config, const config::ApiKey* key) {
    std::vector<std::string_view> names;
    for (const auto& model : config.models)
        if (!model.retired && model.kind == config::ModelKind::embedding && access::is_listed(key, model.name))
            names.push_back(model.name);
    return std::unexpected(Error{
        .code = Code::invalid_argument,
        .message = "\"auto\" chooses among models that generate text; embeddings of different models do not compare",
        .hint = names.empty() ? "Name a model of kind embedding."
                              : fmt::format("For embeddings there is: {}.", fmt::join(names, ", ")),
        .field = "model"});
}

llm::Request chat_of(json::array messages) {
    llm::Request request{.task = llm::Task::chat, .model = std::string(config::auto_model), .body = {}};
    request.body["messages"] = std::move(messages);
    return request;
}

// A chat's body; or {"text"}, and under `before` the messages before it.
Result<llm::Request> request_of(std::string_view body, std::string_view before) {
    const auto object = protocols::parse_body(body);
    if (!object) return std::unexpected(object.error());
    if (const auto* messages = protocols::array_at(*object, "messages"); messages != nullptr && before.empty()) {
        auto request = chat_of(*messages);
        for (const auto* key : {"tools", "tool_choice"})
            if (const auto* value = protocols::find(*object, key)) request.body[key] = *value;
        return request;
    }
    const auto* text = protocols::find(*object, "text");
    if (text == nullptr || !text->is_string())
        return fail_field("text", fmt::format("'text' is {}; expected the prompt{}",
                                              text == nullptr ? "missing" : protocols::excerpt(*text),
                                              before.empty() ? ", or a chat's messages" : ""));
    json::array messages;
    if (!before.empty())
        if (const auto* earlier = protocols::find(*object, before)) {
            if (!earlier->is_array())
                return fail_field(std::string(before), fmt::format("'{}' is {}; expected the messages so far", before,
                                                                   protocols::excerpt(*earlier)));
            messages = earlier->get_array();
        }
    messages.push_back(json::object{{"role", "user"}, {"content", *text}});
    return chat_of(std::move(messages));
}

json::value rounded(double score) { return std::round(score * 1e4) / 1e4; }

json::object route_json(const Routed& routed, const Shared& shared) {
    const auto& [decision, scores, text] = routed;
    json::array considered;
    for (const auto& one : decision.considered)
        considered.push_back({{"route", one.route},
                              {"model", one.model},
                              {"score", rounded(one.score)},
                              {"threshold", one.threshold},
                              {"chosen", one.chosen},
                              {"note", one.note.empty() ? json::value(nullptr) : json::value(one.note)}});
    return {
        {"model", decision.model},
        {"route", name_of(decision.route)},
        {"scores",
         {{"hard", rounded(scores.hard)}, {"soft", rounded(scores.soft)}, {"web_query", rounded(scores.web_query)}}},
        {"familiar", rounded(scores.familiar)},
        {"language", name_of(scores.language)},
        {"reason", decision.reason},
        {"would_load", would_load(shared, decision.model)},
        {"considered", considered}};
}

Error not_switched_on() {
    return {.code = Code::not_found,
            .message = "there is no model \"auto\" here",
            .hint = "It is switched off (routing.enabled).",
            .field = "model"};
}

}  // namespace

Result<void> Gateway::choose(net::Exchange& exchange, Caller& caller, llm::Request& request) {
    if (!desk_.is_auto(request.model)) return {};
    if (request.task == llm::Task::embedding) return cannot_embed(shared_.config, caller.visit.key());
    if (request.task == llm::Task::tokenize || request.task == llm::Task::detokenize)
        return fail_field("model", "every model has tokens of its own: expected the name of one instead of \"auto\"");
    if (request.task == llm::Task::rerank)
        return fail_field("model", "\"auto\" chooses among models that generate text: expected a model of kind rerank");
    const auto routed = desk_.route(request, caller, shared_);
    if (!routed) return std::unexpected(routed.error());
    const auto route = name_of(routed->decision.route);
    exchange.add_header("x-sarai-route", std::string(route));
    exchange.add_header("x-sarai-scores", describe(routed->scores));
    caller.why_routed = routed->decision.reason;
    caller.notes.emplace_back("route", route);
    if (llm::generates(request.task)) metrics_.count_route(route, routed->decision.model);
    return {};
}

asio::awaitable<void> Gateway::route_prompt(net::Exchange& exchange, Caller& caller) {
    if (!desk_.is_auto(config::auto_model))
        co_return co_await refuse_with(exchange, Protocol::openai, not_switched_on());
    Result<llm::Request> request = fail_field("text", "the query has no text; expected /sarai/route?text=…");
    if (exchange.request().method() == net::http::verb::post)
        request = request_of(exchange.request().body(), "");
    else if (auto text = query_parameter(exchange.query(), "text"))
        request = chat_of(json::array{json::object{{"role", "user"}, {"content", std::move(*text)}}});
    if (!request) co_return co_await refuse_with(exchange, Protocol::openai, request.error());
    const auto routed = desk_.look(*request, caller, shared_);
    if (!routed) co_return co_await refuse_with(exchange, Protocol::openai, routed.error());
    (void)co_await exchange.respond(json_reply(route_json(*routed, shared_)));
}

asio::awaitable<void> Gateway::hint(net::Exchange& exchange, Caller& caller) {
    if (!desk_.is_auto(config::auto_model))
        co_return co_await refuse_with(exchange, Protocol::openai, not_switched_on());
    const auto request = request_of(exchange.request().body(), "conversation");
    if (!request) co_return co_await refuse_with(exchange, Protocol::openai, request.error());
    const auto client = caller.name.empty() ? exchange.peer() : "key " + caller.name;
    const auto hinted = desk_.hint(*request, caller, client, shared_);
    if (!hinted) co_return co_await refuse_with(exchange, Protocol::openai, hinted.error());
    metrics_.count_hint(hinted->loading);
    auto reply = json_reply({{"model", hinted->model}, {"loading", hinted->loading}, {"reason", hinted->reason}});
    reply.status = 202;
    (void)co_await exchange.respond(std::move(reply));
}

asio::awaitable<void> Gateway::take_feedback(net::Exchange& exchange, Caller& caller) {
    const auto said = decode_feedback(exchange.request().body());
    if (!said) co_return co_await refuse_with(exchange, Protocol::openai, said.error());
    const auto* routed = desk_.decided(caller.name, said->request_id);
    if (routed == nullptr)
        co_return co_await refuse_with(
            exchange, Protocol::openai,
            {.code = Code::not_found,
             .message = fmt::format("no decision is remembered for the request '{}'", said->request_id.substr(0, 128)),
             .hint = fmt::format("Its id is the x-request-id of an answer to the model \"auto\"; the last {} are "
                                 "remembered, until the server ends.",
                                 RouterDesk::remembered),
             .field = "request_id"});
    auto feedback = feedback_on(*routed, *said, caller.name);
    const json::object reply{{"request_id", feedback.request_id},
                             {"route", feedback.route},
                             {"model", feedback.model},
                             {"right", feedback.right},
                             {"stored_prompt", !feedback.text.empty()}};
    metrics_.count_feedback(feedback.route, feedback.right);
    if (const auto kept = co_await feedback_.keep(std::move(feedback)); !kept)
        co_return co_await refuse_with(exchange, Protocol::openai, kept.error());
    (void)co_await exchange.respond(json_reply(reply));
}

// In pages: prompts of thousands of requests are larger than what anybody planned for.
asio::awaitable<void> Gateway::give_feedback(net::Exchange& exchange, Caller& /*caller*/) {
    constexpr int page_size = 100;
    const bool as_json = query_parameter(exchange.query(), "format") == "json";
    std::string out = as_json ? "{\"feedback\":[" : "";
    bool first = true;
    for (std::int64_t after = 0;;) {
        const auto page = co_await feedback_.page(after, page_size);
        if (!page && !exchange.started()) co_return co_await refuse_with(exchange, Protocol::openai, page.error());
        if (!page) co_return exchange.abort();
        if (!exchange.started()) exchange.start(200, as_json ? "application/json" : "application/x-ndjson", {});
        for (const auto& one : *page) {
            after = one.id;
            if (as_json)
                out += (std::exchange(first, false) ? "" : ",") + json::serialize(feedback_json(one));
            else if (const auto line = training_of(one))
                out += json::serialize(*line) + "\n";
        }
        if (std::ssize(*page) < page_size) break;
        if (out.empty()) continue;
        if (auto written = co_await exchange.write(out); !written) co_return;
        out.clear();
    }
    if (as_json) out += "]}";
    (void)co_await exchange.finish(out);
}

}  // namespace sarai::gateway
