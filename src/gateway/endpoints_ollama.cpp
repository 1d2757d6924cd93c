// Ollama's API: answers and listings.
#include "gateway/auto_listing.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/ollama_face.hpp"
#include "gateway/ollama_listing.hpp"
#include "gateway/pipeline_listing.hpp"
#include "protocols/ollama_listing.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;
namespace ollama = protocols::ollama;

asio::awaitable<void> Gateway::ollama(net::Exchange& exchange, Caller& caller, protocols::ollama::Call call) {
    auto decoded = ollama::decode_request(call, exchange.request().body());
    if (!decoded) co_return co_await refuse_with(exchange, Protocol::ollama, decoded.error());
    auto& request = decoded->request;
    if (decoded->action != ollama::Action::run) {
        const bool is_auto = desk_.is_auto(request.model);
        if (auto allowed = access::may_use(caller.visit.key(), request.model); !is_auto && !allowed)
            co_return co_await refuse_with(exchange, Protocol::ollama, allowed.error());
        // Its clients load a model before they ask it. Which one is asked, the prompt will say; and a pipeline loads
        // those that it needs when it needs them.
        if (is_auto || shared_.config.find_pipeline(request.model) != nullptr)
            co_return (void) co_await exchange.respond(json_reply(
                ollama::encode_load_reply(call, request.model, decoded->action, std::chrono::system_clock::now())));
        const auto manages = access::may_manage(caller.visit.key());
        if (decoded->action == ollama::Action::unload && !manages)
            co_return co_await refuse_with(exchange, Protocol::ollama, manages.error());
        Result<void> done = fail(Code::cancelled, "the client has left");
        if (decoded->action == ollama::Action::unload) {
            done = take_down(request.model, shared_);
        } else {
            const auto wait = [](const llm::Request& wanted, Shared shared, bool stays,
                                 Result<void>& up) -> asio::awaitable<void> {
                up = co_await bring_up(wanted.model, shared, false, stays ? stay_of(wanted) : std::nullopt);
            };
            if (co_await exchange.while_connected(wait(request, shared_, manages.has_value(), done))) co_return;
        }
        if (!done) co_return co_await refuse_with(exchange, Protocol::ollama, done.error());
        co_return (void) co_await exchange.respond(json_reply(
            ollama::encode_load_reply(call, request.model, decoded->action, std::chrono::system_clock::now())));
    }
    if (auto chosen = choose(exchange, caller, request); !chosen)
        co_return co_await refuse_with(exchange, Protocol::ollama, chosen.error());
    std::optional<json::array> conversation;
    if (call == ollama::Call::generate)
        if (const auto* messages = request.body.if_contains("messages"); messages != nullptr && messages->is_array())
            conversation = messages->get_array();
    const auto face = make_ollama_face(call, request.model, std::move(conversation));
    co_await answer(exchange, caller, std::move(request), *face, Protocol::ollama, shared_);
}

asio::awaitable<void> Gateway::ollama_chat(net::Exchange& e, Caller& c) { co_await ollama(e, c, ollama::Call::chat); }

asio::awaitable<void> Gateway::ollama_generate(net::Exchange& e, Caller& c) {
    co_await ollama(e, c, ollama::Call::generate);
}

asio::awaitable<void> Gateway::ollama_embed(net::Exchange& e, Caller& c) { co_await ollama(e, c, ollama::Call::embed); }

asio::awaitable<void> Gateway::ollama_embeddings(net::Exchange& e, Caller& c) {
    co_await ollama(e, c, ollama::Call::embeddings);
}

asio::awaitable<void> Gateway::ollama_tags(net::Exchange& exchange, Caller& caller) {
    (void)co_await exchange.respond(json_reply(ollama_tags_json(shared_, caller.visit.key())));
}

asio::awaitable<void> Gateway::ollama_ps(net::Exchange& exchange, Caller& caller) {
    (void)co_await exchange.respond(json_reply(ollama_ps_json(shared_, caller.visit.key())));
}

asio::awaitable<void> Gateway::ollama_version(net::Exchange& exchange, Caller& /*caller*/) {
    auto reply = ollama::encode_version(ollama::spoken_version);
    reply["sarai"] = version_;
    (void)co_await exchange.respond(json_reply(reply));
}

asio::awaitable<void> Gateway::ollama_show(net::Exchange& exchange, Caller& caller) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return co_await refuse_with(exchange, Protocol::ollama, name.error());
    if (auto allowed = access::may_use(caller.visit.key(), *name); !allowed)
        co_return co_await refuse_with(exchange, Protocol::ollama, allowed.error());
    if (desk_.is_auto(*name) && lists_auto(shared_, caller.visit.key()))
        co_return (void) co_await exchange.respond(
            json_reply(ollama::encode_show(auto_description(shared_, caller.visit.key()))));
    if (const auto* pipeline = find_listed_pipeline(shared_, caller.visit.key(), *name))
        co_return (void) co_await exchange.respond(
            json_reply(ollama::encode_show(pipeline_description(shared_, *pipeline))));
    const auto shown = co_await ollama_show_json(shared_, *name, exchange.request().body());
    (void)co_await exchange.respond(shown ? json_reply(*shown) : error_reply(Protocol::ollama, shown.error()));
}

}  // namespace sarai::gateway
