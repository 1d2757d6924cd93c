// sarai's own endpoints: is it there, what does it hold, why; and what an administrator changes.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/pipeline_listing.hpp"
#include "gateway/status.hpp"
#include "gateway/why.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;

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
        if (!found) co_return co_await refuse_with(exchange, Protocol::openai, found.error());
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

asio::awaitable<void> Gateway::pipelines(net::Exchange& exchange, Caller& caller) {
    (void)co_await exchange.respond(json_reply(pipelines_json(shared_, caller.visit.key())));
}

asio::awaitable<void> Gateway::load(net::Exchange& exchange, Caller& /*caller*/) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return co_await refuse_with(exchange, Protocol::openai, name.error());
    const auto model = find_model(shared_.config, *name);
    if (!model) co_return co_await refuse_with(exchange, Protocol::openai, model.error());
    const auto serving = who_serves(shared_.config, *model);  // the model itself, but for a variant of another
    shared_.pool.lift_quarantine(serving);
    shared_.pool.drain(serving, false);
    Result<void> up = fail(Code::cancelled, "the client has left");
    const auto wait = [](std::string wanted, Shared shared, Result<void>& done) -> asio::awaitable<void> {
        done = co_await bring_up(std::move(wanted), shared, true);
    };
    // One that answers and stays is loaded: that needs no turn of it.
    const auto& worker = shared_.pool.core().local(serving);
    if (worker.state == pool::LocalState::ready && worker.leases > 0 && !worker.draining)
        up = {};
    else if (co_await exchange.while_connected(wait(*name, shared_, up)))
        co_return;
    if (!up) co_return co_await refuse_with(exchange, Protocol::openai, up.error());
    (void)co_await exchange.respond(json_reply({{"model", shared_.config.models[*model].name},
                                                {"state", pool::name_of(shared_.pool.core().local(serving).state)}}));
}

asio::awaitable<void> Gateway::unload(net::Exchange& exchange, Caller& /*caller*/) {
    const auto name = model_named_in(exchange.request().body());
    if (!name) co_return co_await refuse_with(exchange, Protocol::openai, name.error());
    const auto drain = flag_in(exchange.request().body(), "drain");
    if (!drain) co_return co_await refuse_with(exchange, Protocol::openai, drain.error());
    if (auto done = take_down(*name, shared_, *drain); !done)
        co_return co_await refuse_with(exchange, Protocol::openai, done.error());
    const auto model = find_model(shared_.config, *name);
    const auto& worker = shared_.pool.core().local(who_serves(shared_.config, *model));
    json::object told{{"model", shared_.config.models[*model].name}, {"state", pool::name_of(worker.state)}};
    if (worker.drain_asked) told["in_flight"] = worker.leases;  // whose end is waited for
    (void)co_await exchange.respond(json_reply(told));
}

asio::awaitable<void> Gateway::reload(net::Exchange& exchange, Caller& /*caller*/) {
    auto done = reload_();
    // A file that it names and that is missing is the configuration's fault, not the path's.
    if (!done && done.error().code == Code::not_found) done.error().code = Code::invalid_argument;
    if (!done) co_return co_await refuse_with(exchange, Protocol::openai, done.error());
    const auto list = [](const std::vector<std::string>& names) { return json::array(names.begin(), names.end()); };
    (void)co_await exchange.respond(json_reply({{"kept", list(done->kept)},
                                                {"changed", list(done->changed)},
                                                {"added", list(done->added)},
                                                {"removed", list(done->removed)},
                                                {"settings", list(done->settings)},
                                                {"needs_restart", list(done->needs_restart)}}));
}

}  // namespace sarai::gateway
