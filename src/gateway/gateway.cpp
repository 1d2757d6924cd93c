#include "gateway/gateway.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>

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
};

const Gateway::Route* Gateway::find_route(std::string_view method, std::string_view path, std::string& allowed) {
    static const std::array routes{
        Route{"POST", "/v1/chat/completions", &Gateway::chat_completions},
        Route{"POST", "/v1/completions", &Gateway::completions},
        Route{"POST", "/v1/embeddings", &Gateway::embeddings},
        Route{"GET", "/v1/models", &Gateway::models},
        Route{"GET", "/v1/models/", &Gateway::one_model},
        Route{"GET", "/health", &Gateway::health},
        Route{"GET", "/metrics", &Gateway::metrics},
        Route{"GET", "/sarai/status", &Gateway::status},
        Route{"GET", "/sarai/why", &Gateway::why},
        Route{"POST", "/sarai/unload", &Gateway::unload},
        Route{"POST", "/sarai/load", &Gateway::load},
        Route{"POST", "/sarai/reload", &Gateway::reload},
        Route{"GET", "/", &Gateway::root},
        Route{"POST", "/api/chat", &Gateway::ollama_chat},
        Route{"POST", "/api/generate", &Gateway::ollama_generate},
        Route{"POST", "/api/embed", &Gateway::ollama_embed},
        Route{"GET", "/api/tags", &Gateway::ollama_tags},
        Route{"GET", "/api/ps", &Gateway::ollama_ps},
        Route{"POST", "/api/show", &Gateway::ollama_show},
        Route{"GET", "/api/version", &Gateway::ollama_version},
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
    : metrics_(version), shared_{config, pool, metrics_}, version_(std::move(version)), reload_(std::move(reload)) {}

net::Reply Gateway::refuse(const Error& error, std::string_view target) {
    return error_reply(protocol_of(target), error);
}

asio::awaitable<void> Gateway::handle(net::Exchange& exchange) {
    std::string allowed;
    const std::string_view method = exchange.request().method_string();
    if (const auto* route = find_route(method, exchange.path(), allowed))
        co_return co_await (this->*route->handler)(exchange);
    const auto protocol = protocol_of(exchange.path());
    if (!allowed.empty()) {
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

namespace {

bool may_fail_over(const net::Exchange& exchange) {
    const std::string_view wish = exchange.request()["x-sarai-failover"];
    return !boost::beast::iequals(wish, "off");
}

}  // namespace

asio::awaitable<void> Gateway::openai(net::Exchange& exchange, llm::Task task) {
    auto request = protocols::openai::decode_request(task, exchange.request().body());
    if (!request) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, request.error()));
    request->id = request_id(exchange);
    request->may_fail_over = may_fail_over(exchange);
    auto ask = ask_of(exchange);
    if (!ask) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, ask.error()));
    const auto face = make_openai_face();
    co_await answer(exchange, std::move(*request), std::move(*ask), *face, Protocol::openai, shared_);
}

asio::awaitable<void> Gateway::ollama(net::Exchange& exchange, protocols::ollama::Call call) {
    auto decoded = ollama::decode_request(call, exchange.request().body());
    if (!decoded) co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, decoded.error()));
    auto& request = decoded->request;
    if (decoded->action != ollama::Action::run) {
        auto done = decoded->action == ollama::Action::load ? co_await bring_up(request.model, shared_)
                                                            : take_down(request.model, shared_);
        if (!done) co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, done.error()));
        co_return (void) co_await exchange.respond(json_reply(
            ollama::encode_load_reply(call, request.model, decoded->action, std::chrono::system_clock::now())));
    }
    request.id = request_id(exchange);
    request.may_fail_over = may_fail_over(exchange);
    auto ask = ask_of(exchange);
    if (!ask) co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, ask.error()));
    const auto face = make_ollama_face(call, request.model);
    co_await answer(exchange, std::move(request), std::move(*ask), *face, Protocol::ollama, shared_);
}

asio::awaitable<void> Gateway::chat_completions(net::Exchange& e) { co_await openai(e, llm::Task::chat); }
asio::awaitable<void> Gateway::completions(net::Exchange& e) { co_await openai(e, llm::Task::completion); }
asio::awaitable<void> Gateway::embeddings(net::Exchange& e) { co_await openai(e, llm::Task::embedding); }
asio::awaitable<void> Gateway::ollama_chat(net::Exchange& e) { co_await ollama(e, ollama::Call::chat); }
asio::awaitable<void> Gateway::ollama_generate(net::Exchange& e) { co_await ollama(e, ollama::Call::generate); }
asio::awaitable<void> Gateway::ollama_embed(net::Exchange& e) { co_await ollama(e, ollama::Call::embed); }

asio::awaitable<void> Gateway::models(net::Exchange& exchange) {
    (void)co_await exchange.respond(json_reply(models_json(shared_)));
}

asio::awaitable<void> Gateway::one_model(net::Exchange& exchange) {
    const auto name = percent_decoded(exchange.path().substr(std::string_view("/v1/models/").size()));
    const auto model = find_model(shared_.config, name);
    if (!model) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, model.error()));
    (void)co_await exchange.respond(json_reply(model_json(shared_, *model)));
}

asio::awaitable<void> Gateway::health(net::Exchange& exchange) {
    (void)co_await exchange.respond(json_reply({{"status", "ok"}, {"version", version_}}));
}

asio::awaitable<void> Gateway::metrics(net::Exchange& exchange) {
    (void)co_await exchange.respond(
        {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.text(shared_.pool)});
}

asio::awaitable<void> Gateway::status(net::Exchange& exchange) {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
    (void)co_await exchange.respond(json_reply(status_json(shared_, version_, uptime)));
}

asio::awaitable<void> Gateway::why(net::Exchange& exchange) {
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

asio::awaitable<void> Gateway::unload(net::Exchange& exchange) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return (void) co_await exchange.respond(error_reply(Protocol::openai, name.error()));
    if (auto done = take_down(*name, shared_); !done)
        co_return (void) co_await exchange.respond(error_reply(Protocol::openai, done.error()));
    const auto model = find_model(shared_.config, *name);
    (void)co_await exchange.respond(json_reply({{"model", shared_.config.models[*model].name},
                                                {"state", pool::name_of(shared_.pool.core().local(*model).state)}}));
}

asio::awaitable<void> Gateway::load(net::Exchange& exchange) {
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

asio::awaitable<void> Gateway::reload(net::Exchange& exchange) {
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

asio::awaitable<void> Gateway::root(net::Exchange& exchange) {
    (void)co_await exchange.respond({.content_type = "text/plain; charset=utf-8", .body = "sarai is running\n"});
}

asio::awaitable<void> Gateway::ollama_tags(net::Exchange& exchange) {
    (void)co_await exchange.respond(json_reply(ollama_tags_json(shared_)));
}
asio::awaitable<void> Gateway::ollama_ps(net::Exchange& exchange) {
    (void)co_await exchange.respond(json_reply(ollama_ps_json(shared_)));
}
asio::awaitable<void> Gateway::ollama_version(net::Exchange& exchange) {
    (void)co_await exchange.respond(json_reply(ollama::encode_version(version_)));
}

asio::awaitable<void> Gateway::ollama_show(net::Exchange& exchange) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return (void) co_await exchange.respond(error_reply(Protocol::ollama, name.error()));
    const auto shown = ollama_show_json(shared_, *name);
    (void)co_await exchange.respond(shown ? json_reply(*shown) : error_reply(Protocol::ollama, shown.error()));
}

}  // namespace sarai::gateway
