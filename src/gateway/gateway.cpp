#include "gateway/gateway.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "gateway/access_log.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;

struct Gateway::Route {
    std::string_view method;  // HEAD is answered wherever GET is
    std::string_view path;    // a trailing '/' stands for everything below
    Handler handler;
    Need need = Need::use;
};

const Gateway::Route* Gateway::find_route(std::string_view method, std::string_view path, std::string& allowed) {
    static const std::array routes{
        Route{"POST", "/v1/chat/completions", &Gateway::chat_completions},
        Route{"POST", "/v1/completions", &Gateway::completions},
        Route{"POST", "/v1/embeddings", &Gateway::embeddings},
        Route{"POST", "/v1/rerank", &Gateway::rerank},
        Route{"POST", "/v1/reranking", &Gateway::rerank},
        Route{"POST", "/rerank", &Gateway::rerank},
        Route{"POST", "/reranking", &Gateway::rerank},
        Route{"POST", "/v1/audio/transcriptions", &Gateway::transcriptions},
        Route{"POST", "/v1/audio/translations", &Gateway::translations},
        Route{"POST", "/v1/audio/speech", &Gateway::speech},
        Route{"POST", "/v1/responses", &Gateway::create_response},
        Route{"GET", "/v1/responses/", &Gateway::get_response, Need::look},
        Route{"DELETE", "/v1/responses/", &Gateway::delete_response, Need::look},
        Route{"POST", "/v1/messages", &Gateway::messages},
        Route{"POST", "/v1/messages/count_tokens", &Gateway::count_tokens},
        Route{"POST", "/tokenize", &Gateway::tokenize},
        Route{"POST", "/v1/tokenize", &Gateway::tokenize},
        Route{"POST", "/detokenize", &Gateway::detokenize},
        Route{"POST", "/v1/detokenize", &Gateway::detokenize},
        Route{"GET", "/v1/models", &Gateway::models, Need::look},
        Route{"GET", "/v1/models/", &Gateway::one_model, Need::look},
        Route{"GET", "/health", &Gateway::health, Need::nothing},
        Route{"GET", "/metrics", &Gateway::metrics, Need::watch},
        Route{"GET", "/sarai/status", &Gateway::status, Need::watch},
        Route{"GET", "/sarai/why", &Gateway::why, Need::watch},
        Route{"GET", "/sarai/pipelines", &Gateway::pipelines, Need::look},
        Route{"GET", "/sarai/kb", &Gateway::list_collections, Need::look},
        Route{"POST", "/sarai/kb/search", &Gateway::search_knowledge},
        Route{"GET", "/sarai/kb/", &Gateway::list_documents, Need::look},
        Route{"POST", "/sarai/kb/", &Gateway::change_collection, Need::manage},
        Route{"DELETE", "/sarai/kb/", &Gateway::remove_from_collection, Need::manage},
        Route{"GET", "/sarai/route", &Gateway::route_prompt, Need::look},
        Route{"POST", "/sarai/route", &Gateway::route_prompt, Need::look},
        Route{"POST", "/sarai/hint", &Gateway::hint, Need::look},
        Route{"POST", "/sarai/feedback", &Gateway::take_feedback, Need::look},
        Route{"GET", "/sarai/feedback", &Gateway::give_feedback, Need::manage},
        Route{"POST", "/sarai/unload", &Gateway::unload, Need::manage},
        Route{"POST", "/sarai/load", &Gateway::load, Need::manage},
        Route{"POST", "/sarai/reload", &Gateway::reload, Need::manage},
        Route{"GET", "/sarai/plan", &Gateway::plan, Need::watch},
        Route{"GET", "/sarai/logs", &Gateway::logs, Need::watch},
        Route{"GET", "/", &Gateway::root, Need::nothing},
        Route{"GET", "/assets/", &Gateway::page_file, Need::nothing},
        Route{"POST", "/api/chat", &Gateway::ollama_chat},
        Route{"POST", "/api/generate", &Gateway::ollama_generate},
        Route{"POST", "/api/embed", &Gateway::ollama_embed},
        Route{"POST", "/api/embeddings", &Gateway::ollama_embeddings},
        Route{"GET", "/api/tags", &Gateway::ollama_tags, Need::look},
        Route{"GET", "/api/ps", &Gateway::ollama_ps, Need::look},
        Route{"POST", "/api/show", &Gateway::ollama_show, Need::look},
        Route{"GET", "/api/blobs/", &Gateway::has_blob, Need::manage},
        Route{"POST", "/api/blobs/", &Gateway::take_blob, Need::manage},
        Route{"POST", "/api/create", &Gateway::create_model, Need::manage},
        Route{"POST", "/api/pull", &Gateway::pull_model, Need::manage},
        Route{"POST", "/api/copy", &Gateway::copy_model, Need::manage},
        Route{"DELETE", "/api/delete", &Gateway::delete_model, Need::manage},
        Route{"GET", "/api/version", &Gateway::ollama_version, Need::look},
    };
    if (method == "HEAD") method = "GET";
    for (const auto& route : routes) {
        const bool below = route.path.size() > 1 && route.path.ends_with('/') && path.size() > route.path.size() &&
                           path.starts_with(route.path);
        if (path != route.path && !below) continue;
        if (route.method == method) return &route;
        allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    }
    return nullptr;
}

Gateway::Gateway(World world)
    : metrics_(world.version),
      desk_(world.config, std::move(world.eyes)),
      knowledge_(world.config),
      shared_{world.config, world.pool,  metrics_,   world.catalogue, world.shelf,
              desk_,        world.media, knowledge_, world.web,       world.speaker},
      entrance_(world.config),
      feedback_(std::move(world.state_folder)),
      version_(std::move(world.version)),
      reload_(std::move(world.reload)),
      plan_(std::move(world.plan)),
      logs_(std::move(world.logs)),
      tracer_(std::move(world.tracer)) {}

net::Reply Gateway::refuse(const Error& error, std::string_view target) {
    return error_reply(protocol_of(target), error);
}

asio::awaitable<void> Gateway::handle(net::Exchange& exchange) {
    if (auto asked = entrance_.preflight(exchange))
        co_return (void) co_await exchange.respond(*asked ? std::move(**asked)
                                                          : error_reply(Protocol::openai, asked->error()));
    std::string allowed;
    const auto* route = find_route(exchange.request().method_string(), exchange.path(), allowed);
    const auto need = route == nullptr ? Need::look : route->need;
    Caller caller{.visit = {}, .name = {}, .id = request_id(exchange)};
    if (const std::string_view trace = exchange.request()["traceparent"]; tracer_ || !trace.empty())
        caller.trace = trace_of(trace, tracer_ != nullptr, [this] { return random_(); });
    if (auto admitted = entrance_.admit(exchange, need, caller)) {
        co_await dispatch(exchange, caller, route, allowed);
    } else {
        metrics_.count_refused(name_of(admitted.error().code));
        (void)co_await exchange.respond(error_reply(protocol_of(exchange.path()), admitted.error()));
    }
    note_end(exchange, caller, route);
}

void Gateway::note_end(const net::Exchange& exchange, const Caller& caller, const Route* route) {
    const auto need = route == nullptr ? Need::look : route->need;
    const bool looks = need == Need::nothing || need == Need::look || need == Need::watch;
    const auto& format = shared_.config.server.access_log;
    const int status = status_of(exchange, caller);
    if (!looks || status >= 400 || format == "json") log_access(format, exchange, caller);
    if (!tracer_ || looks || !caller.trace || !caller.trace->sampled()) return;
    const auto took = std::chrono::steady_clock::now() - caller.arrived;
    tracer_->finished({.context = *caller.trace,
                       .name = fmt::format("{} {}", std::string_view(exchange.request().method_string()), route->path),
                       .begin = std::chrono::system_clock::now() - took,
                       .took = took,
                       .status = status,
                       .attributes = caller.notes});
}

asio::awaitable<void> Gateway::dispatch(net::Exchange& exchange, Caller& caller, const Route* route,
                                        const std::string& allowed) {
    if (route != nullptr) co_return co_await (this->*route->handler)(exchange, caller);
    const auto protocol = protocol_of(exchange.path());
    if (!allowed.empty()) {
        const std::string_view method = exchange.request().method_string();
        auto reply = error_reply(protocol, Error{.code = Code::method_not_allowed,
                                                 .message = fmt::format("{} is not allowed for {}; expected {}", method,
                                                                        exchange.path(), allowed)});
        reply.headers.emplace_back("Allow", allowed);
        co_return (void) co_await exchange.respond(std::move(reply));
    }
    (void)co_await exchange.respond(error_reply(
        protocol,
        Error{.code = Code::not_found,
              .message = fmt::format("there is nothing at {}", exchange.path().substr(0, 200)),
              .hint = "The OpenAI and Anthropic APIs are below /v1, Ollama's below /api, sarai's own below /sarai."}));
}

std::string Gateway::request_id(const net::Exchange& exchange) {
    const std::string_view given = exchange.request()["x-request-id"];
    const auto plain = [](unsigned char c) { return c > ' ' && c < 0x7f; };  // it goes into the log
    if (!given.empty() && given.size() <= 128 && std::ranges::all_of(given, plain)) return std::string(given);
    return fmt::format("req-{:x}-{}", started_.time_since_epoch().count() & 0xffffff, ++last_id_);
}

}  // namespace sarai::gateway
