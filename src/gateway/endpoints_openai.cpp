// OpenAI's API, and the questions about text that other servers answer beside it.
#include <fmt/format.h>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "gateway/auto_listing.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/openai_face.hpp"
#include "gateway/pipeline_listing.hpp"
#include "gateway/responses_face.hpp"
#include "gateway/status.hpp"
#include "gateway/why.hpp"
#include "llm/text_size.hpp"
#include "protocols/json.hpp"
#include "protocols/openai.hpp"
#include "protocols/rerank.hpp"
#include "protocols/text_tools.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;
namespace responses = protocols::responses;

asio::awaitable<void> Gateway::openai(net::Exchange& exchange, Caller& caller, Result<llm::Request> request) {
    if (!request) co_return co_await refuse_with(exchange, Protocol::openai, request.error());
    if (auto chosen = choose(exchange, caller, *request); !chosen)
        co_return co_await refuse_with(exchange, Protocol::openai, chosen.error());
    const auto face = make_openai_face();
    co_await answer(exchange, caller, std::move(*request), *face, Protocol::openai, shared_);
}

asio::awaitable<void> Gateway::chat_completions(net::Exchange& e, Caller& c) {
    co_await openai(e, c, protocols::openai::decode_request(llm::Task::chat, e.request().body()));
}
asio::awaitable<void> Gateway::completions(net::Exchange& e, Caller& c) {
    co_await openai(e, c, protocols::openai::decode_request(llm::Task::completion, e.request().body()));
}
asio::awaitable<void> Gateway::embeddings(net::Exchange& e, Caller& c) {
    co_await openai(e, c, protocols::openai::decode_request(llm::Task::embedding, e.request().body()));
}
asio::awaitable<void> Gateway::rerank(net::Exchange& e, Caller& c) {
    co_await openai(e, c, protocols::rerank::decode_request(e.request().body()));
}
asio::awaitable<void> Gateway::tokenize(net::Exchange& e, Caller& c) {
    co_await openai(e, c, protocols::text_tools::decode_tokenize(e.request().body()));
}
asio::awaitable<void> Gateway::detokenize(net::Exchange& e, Caller& c) {
    co_await openai(e, c, protocols::text_tools::decode_detokenize(e.request().body()));
}

namespace {

// The paths are both OpenAI's and Anthropic's; the latter's clients tell their version.
Protocol who_lists(const net::Exchange& exchange) {
    const auto& request = exchange.request();
    return request.find("anthropic-version") == request.end() ? Protocol::openai : Protocol::anthropic;
}

}  // namespace

asio::awaitable<void> Gateway::models(net::Exchange& exchange, Caller& caller) {
    const bool is_anthropic = who_lists(exchange) == Protocol::anthropic;
    (void)co_await exchange.respond(json_reply(is_anthropic ? anthropic_models_json(shared_, caller.visit.key())
                                                            : models_json(shared_, caller.visit.key())));
}

asio::awaitable<void> Gateway::one_model(net::Exchange& exchange, Caller& caller) {
    const auto name = percent_decoded(exchange.path().substr(std::string_view("/v1/models/").size()));
    const auto protocol = who_lists(exchange);
    const auto respond = [&](json::object model) {
        if (protocol == Protocol::anthropic) model = anthropic_model_json(protocols::string_at(model, "id"));
        return exchange.respond(json_reply(model));
    };
    if (desk_.is_auto(name) && lists_auto(shared_, caller.visit.key()))
        co_return (void) co_await respond(auto_model_json(shared_, caller.visit.key()));
    if (const auto* pipeline = find_listed_pipeline(shared_, caller.visit.key(), name))
        co_return (void) co_await respond(pipeline_model_json(shared_, *pipeline));
    const auto model = find_model(shared_.config, name);
    if (!model)
        co_return co_await refuse_with(exchange, protocol, access::without_names(model.error(), caller.visit.key()));
    if (auto allowed = access::may_use(caller.visit.key(), name); !allowed)
        co_return co_await refuse_with(exchange, protocol, allowed.error());
    (void)co_await respond(model_json(shared_, *model));
}

asio::awaitable<void> Gateway::create_response(net::Exchange& exchange, Caller& caller) {
    auto decoded =
        responses::decode_request(exchange.request().body(), response_born(), find_in(responses_, caller.name));
    if (!decoded) co_return co_await refuse_with(exchange, Protocol::openai, decoded.error());
    if (auto chosen = choose(exchange, caller, decoded->request); !chosen)
        co_return co_await refuse_with(exchange, Protocol::openai, chosen.error());
    decoded->context.model = decoded->request.model;
    // With what was said before it is longer than its body.
    decoded->request.size = llm::text_size(decoded->request);
    const auto face = make_responses_face(std::move(decoded->context), responses_, caller.name);
    co_await answer(exchange, caller, std::move(decoded->request), *face, Protocol::openai, shared_);
}

namespace {

// "/v1/responses/ID/input_items" → "ID"; what follows is `rest`.
std::string_view response_id(std::string_view path, std::string_view& rest) {
    path.remove_prefix(std::string_view("/v1/responses/").size());
    const auto slash = path.find('/');
    rest = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    return path.substr(0, slash);
}

Result<responses::Page> page_of(std::string_view query) {
    responses::Page page;
    if (const auto after = query_parameter(query, "after")) page.after = *after;
    if (const auto order = query_parameter(query, "order")) {
        if (*order != "asc" && *order != "desc")
            return fail_field("order", fmt::format("'order' is \"{}\"; expected asc or desc", order->substr(0, 40)));
        page.ascending = *order == "asc";
    }
    if (const auto limit = query_parameter(query, "limit")) {
        const auto* end = limit->data() + limit->size();
        if (std::from_chars(limit->data(), end, page.limit).ptr != end || page.limit < 1 || page.limit > 100)
            return fail_field(
                "limit", fmt::format("'limit' is \"{}\"; expected a whole number from 1 to 100", limit->substr(0, 40)));
    }
    return page;
}

}  // namespace

asio::awaitable<void> Gateway::get_response(net::Exchange& exchange, Caller& caller) {
    std::string_view rest;
    const auto id = response_id(exchange.path(), rest);
    const auto kept = responses_.get(owned(caller.name, id), std::chrono::steady_clock::now());
    if (!kept || (!rest.empty() && rest != "input_items"))
        co_return co_await refuse_with(exchange, Protocol::openai, responses::not_kept(id, "").error());
    if (rest.empty()) co_return (void) co_await exchange.respond({.body = kept->response});
    const auto page = page_of(exchange.query());
    if (!page) co_return co_await refuse_with(exchange, Protocol::openai, page.error());
    const auto items = responses::encode_input_items(*kept, *page);
    (void)co_await exchange.respond(items ? json_reply(*items) : error_reply(Protocol::openai, items.error()));
}

asio::awaitable<void> Gateway::delete_response(net::Exchange& exchange, Caller& caller) {
    std::string_view rest;
    const auto id = response_id(exchange.path(), rest);
    if (!rest.empty() || !responses_.erase(owned(caller.name, id), std::chrono::steady_clock::now()))
        co_return co_await refuse_with(exchange, Protocol::openai, responses::not_kept(id, "").error());
    (void)co_await exchange.respond(json_reply(responses::encode_deleted(id)));
}

}  // namespace sarai::gateway
