#include "gateway/gateway.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>

#include "gateway/access_log.hpp"
#include "gateway/ask.hpp"
#include "gateway/ollama_face.hpp"
#include "gateway/openai_face.hpp"
#include "gateway/status.hpp"
#include "gateway/why.hpp"
#include "protocols/ollama_listing.hpp"
#include "protocols/openai.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;
namespace ollama = protocols::ollama;

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
        Route{"GET", "/v1/models", &Gateway::models, Need::look},
        Route{"GET", "/v1/models/", &Gateway::one_model, Need::look},
        Route{"GET", "/health", &Gateway::health, Need::nothing},
        Route{"GET", "/metrics", &Gateway::metrics, Need::look},
        Route{"GET", "/sarai/status", &Gateway::status, Need::look},
        Route{"GET", "/sarai/why", &Gateway::why, Need::look},
        Route{"POST", "/sarai/unload", &Gateway::unload, Need::manage},
        Route{"POST", "/sarai/load", &Gateway::load, Need::manage},
        Route{"POST", "/sarai/reload", &Gateway::reload, Need::manage},
        Route{"GET", "/", &Gateway::root, Need::nothing},
        Route{"POST", "/api/chat", &Gateway::ollama_chat},
        Route{"POST", "/api/generate", &Gateway::ollama_generate},
        Route{"POST", "/api/embed", &Gateway::ollama_embed},
        Route{"GET", "/api/tags", &Gateway::ollama_tags, Need::look},
        Route{"GET", "/api/ps", &Gateway::ollama_ps, Need::look},
        Route{"POST", "/api/show", &Gateway::ollama_show, Need::look},
        Route{"GET", "/api/version", &Gateway::ollama_version, Need::look},
    };
    if (method == "HEAD") method = "GET";
    for (const auto& route : routes) {
        const bool below = route.path.size() > 1 && route.path.ends_with('/') && path.size() > route.path.size() &&
                           path.starts_with(route.path);
        if (path != route.path && !below) continue;
        if (route.method == method) return &route;
        allowed = route.method;
    }
    return nullptr;
}

namespace {

net::Reply json_reply(const json::object& body) { return {.body = json::serialize(body)}; }

// The model that a JSON body names, under "model" or, the older spelling of Ollama, "name".
Result<std::string> model_named_in(std::string_view body) {
    constexpr auto longest = KiB(64);
    if (std::cmp_greater(body.size(), longest.count))
        return fail(Code::too_large,
                    fmt::format("the body is {} long; expected a model's name and at most {}",
                                to_string(Bytes{static_cast<std::int64_t>(body.size())}), to_string(longest)));
    boost::system::error_code ec;
    const auto parsed = json::parse(body, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    const auto* name = object == nullptr ? nullptr : object->if_contains("model");
    if (name == nullptr && object != nullptr) name = object->if_contains("name");
    if (name == nullptr || !name->is_string() || name->get_string().empty())
        return std::unexpected(Error{.code = Code::invalid_argument, .message = "model is required", .field = "model"});
    return std::string(name->get_string());
}

}  // namespace

Gateway::Gateway(const config::Config& config, pool::Pool& pool, std::string version, Reload reload)
    : metrics_(version),
      shared_{config, pool, metrics_},
      entrance_(config),
      version_(std::move(version)),
      reload_(std::move(reload)) {}

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
    if (auto admitted = entrance_.admit(exchange, need, caller)) {
        co_await dispatch(exchange, caller, route, allowed);
    } else {
        metrics_.count_refused(name_of(admitted.error().code));
        (void)co_await exchange.respond(error_reply(protocol_of(exchange.path()), admitted.error()));
    }
    const bool looks = need == Need::nothing || need == Need::look;
    const auto& format = shared_.config.server.access_log;
    if (!looks || exchange.status() >= 400 || format == "json") log_access(format, exchange, caller);
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
        protocol, Error{.code = Code::not_found,
                        .message = fmt::format("there is nothing at {}", exchange.path().substr(0, 200)),
                        .hint = "The OpenAI API is below /v1, Ollama's below /api, sarai's own below /sarai."}));
}

std::string Gateway::request_id(const net::Exchange& exchange) {
    const std::string_view given = exchange.request()["x-request-id"];
    const auto plain = [](unsigned char c) { return c > ' ' && c < 0x7f; };  // it goes into the log
    if (!given.empty() && given.size() <= 128 && std::ranges::all_of(given, plain)) return std::string(given);
    return fmt::format("req-{:x}-{}", started_.time_since_epoch().count() & 0xffffff, ++last_id_);
}

asio::awaitable<void> Gateway::openai(net::Exchange& exchange, Caller& caller, llm::Task task) {
    auto request = protocols::openai::decode_request(task, exchange.request().body());
    if (!request) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, request.error()));
    const auto face = make_openai_face();
    co_await answer(exchange, caller, std::move(*request), *face, Protocol::openai, shared_);
}

asio::awaitable<void> Gateway::ollama(net::Exchange& exchange, Caller& caller, protocols::ollama::Call call) {
    auto decoded = ollama::decode_request(call, exchange.request().body());
    if (!decoded) co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, decoded.error()));
    auto& request = decoded->request;
    if (decoded->action != ollama::Action::run) {
        if (auto allowed = access::may_use(caller.visit.key(), request.model); !allowed)
            co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, allowed.error()));
        auto done = decoded->action == ollama::Action::load ? co_await bring_up(request.model, shared_)
                                                            : take_down(request.model, shared_);
        if (!done) co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, done.error()));
        co_return (void) co_await exchange.respond(json_reply(
            ollama::encode_load_reply(call, request.model, decoded->action, std::chrono::system_clock::now())));
    }
    const auto face = make_ollama_face(call, request.model);
    co_await answer(exchange, caller, std::move(request), *face, Protocol::ollama, shared_);
}

asio::awaitable<void> Gateway::chat_completions(net::Exchange& e, Caller& c) { co_await openai(e, c, llm::Task::chat); }
asio::awaitable<void> Gateway::completions(net::Exchange& e, Caller& c) {
    co_await openai(e, c, llm::Task::completion);
}
asio::awaitable<void> Gateway::embeddings(net::Exchange& e, Caller& c) { co_await openai(e, c, llm::Task::embedding); }
asio::awaitable<void> Gateway::ollama_chat(net::Exchange& e, Caller& c) { co_await ollama(e, c, ollama::Call::chat); }
asio::awaitable<void> Gateway::ollama_generate(net::Exchange& e, Caller& c) {
    co_await ollama(e, c, ollama::Call::generate);
}
asio::awaitable<void> Gateway::ollama_embed(net::Exchange& e, Caller& c) { co_await ollama(e, c, ollama::Call::embed); }

asio::awaitable<void> Gateway::models(net::Exchange& exchange, Caller& caller) {
    (void)co_await exchange.respond(json_reply(models_json(shared_, caller.visit.key())));
}

asio::awaitable<void> Gateway::one_model(net::Exchange& exchange, Caller& caller) {
    const auto name = percent_decoded(exchange.path().substr(std::string_view("/v1/models/").size()));
    const auto model = find_model(shared_.config, name);
    if (!model) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, model.error()));
    if (auto allowed = access::may_use(caller.visit.key(), name); !allowed)
        co_return (void) co_await exchange.respond(error_reply(Protocol::openai, allowed.error()));
    (void)co_await exchange.respond(json_reply(model_json(shared_, *model)));
}

asio::awaitable<void> Gateway::health(net::Exchange& exchange, Caller& /*caller*/) {
    (void)co_await exchange.respond(json_reply({{"status", "ok"}, {"version", version_}}));
}

asio::awaitable<void> Gateway::metrics(net::Exchange& exchange, Caller& /*caller*/) {
    (void)co_await exchange.respond(
        {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.text(shared_.pool)});
}

asio::awaitable<void> Gateway::status(net::Exchange& exchange, Caller& /*caller*/) {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
    (void)co_await exchange.respond(json_reply(status_json(shared_, version_, uptime)));
}

asio::awaitable<void> Gateway::why(net::Exchange& exchange, Caller& /*caller*/) {
    std::optional<pool::ModelIndex> model;
    if (const auto name = query_parameter(exchange.query(), "model"); name && !name->empty()) {
        const auto found = find_model(shared_.config, *name);
        if (!found) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, found.error()));
        model = *found;
    }
    std::size_t last = 10;
    if (const auto text = query_parameter(exchange.query(), "last")) {
        const auto end = text->data() + text->size();
        if (std::from_chars(text->data(), end, last).ptr != end || last < 1 || last > 256)
            co_return (void) co_await exchange.respond(error_reply(
                Protocol::openai, fail_field("last", fmt::format("'last' is \"{}\"; expected a whole number from 1 to "
                                                                 "256",
                                                                 text->substr(0, 40)))
                                      .error()));
    }
    (void)co_await exchange.respond(json_reply(why_json(shared_, model, last)));
}

asio::awaitable<void> Gateway::unload(net::Exchange& exchange, Caller& /*caller*/) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, name.error()));
    if (auto done = take_down(*name, shared_); !done)
        co_return (void) co_await exchange.respond(error_reply(Protocol::openai, done.error()));
    const auto model = find_model(shared_.config, *name);
    (void)co_await exchange.respond(json_reply({{"model", shared_.config.models[*model].name},
                                                {"state", pool::name_of(shared_.pool.core().local(*model).state)}}));
}

asio::awaitable<void> Gateway::load(net::Exchange& exchange, Caller& /*caller*/) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, name.error()));
    const auto model = find_model(shared_.config, *name);
    if (!model) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, model.error()));
    shared_.pool.lift_quarantine(*model);
    Result<void> up = fail(Code::cancelled, "the client has left");
    const auto wait = [](std::string wanted, Shared shared, Result<void>& done) -> asio::awaitable<void> {
        done = co_await bring_up(std::move(wanted), shared, true);
    };
    if (co_await exchange.while_connected(wait(*name, shared_, up))) co_return;
    if (!up) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, up.error()));
    (void)co_await exchange.respond(json_reply({{"model", shared_.config.models[*model].name},
                                                {"state", pool::name_of(shared_.pool.core().local(*model).state)}}));
}

asio::awaitable<void> Gateway::reload(net::Exchange& exchange, Caller& /*caller*/) {
    auto done = reload_();
    // A file that it names and that is missing is the configuration's fault, not the path's.
    if (!done && done.error().code == Code::not_found) done.error().code = Code::invalid_argument;
    if (!done) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, done.error()));
    const auto list = [](const std::vector<std::string>& names) { return json::array(names.begin(), names.end()); };
    (void)co_await exchange.respond(json_reply({{"kept", list(done->kept)},
                                                {"changed", list(done->changed)},
                                                {"added", list(done->added)},
                                                {"removed", list(done->removed)},
                                                {"settings", list(done->settings)},
                                                {"needs_restart", list(done->needs_restart)}}));
}

asio::awaitable<void> Gateway::root(net::Exchange& exchange, Caller& /*caller*/) {
    (void)co_await exchange.respond({.content_type = "text/plain; charset=utf-8", .body = "sarai is running\n"});
}

asio::awaitable<void> Gateway::ollama_tags(net::Exchange& exchange, Caller& caller) {
    (void)co_await exchange.respond(json_reply(ollama_tags_json(shared_, caller.visit.key())));
}
asio::awaitable<void> Gateway::ollama_ps(net::Exchange& exchange, Caller& /*caller*/) {
    (void)co_await exchange.respond(json_reply(ollama_ps_json(shared_)));
}
asio::awaitable<void> Gateway::ollama_version(net::Exchange& exchange, Caller& /*caller*/) {
    (void)co_await exchange.respond(json_reply(ollama::encode_version(version_)));
}

asio::awaitable<void> Gateway::ollama_show(net::Exchange& exchange, Caller& caller) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, name.error()));
    if (auto allowed = access::may_use(caller.visit.key(), *name); !allowed)
        co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, allowed.error()));
    const auto shown = ollama_show_json(shared_, *name);
    (void)co_await exchange.respond(shown ? json_reply(*shown) : error_reply(Protocol::ollama, shown.error()));
}

}  // namespace sarai::gateway
