// Ollama's API for bringing models: blobs, create, copy, delete, pull.
#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/shelf.hpp"
#include "protocols/ollama_library.hpp"
#include "protocols/ollama_server.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;
namespace ollama = protocols::ollama;

namespace {

std::string_view digest_in(std::string_view path) { return path.substr(std::string_view("/api/blobs/").size()); }

std::optional<Bytes> length_of(const net::Exchange& exchange) {
    const std::string_view text = exchange.request()[net::http::field::content_length];
    std::int64_t size = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return Bytes{size};
}

// The lines of a long piece of work, written by one coroutine while another one works.
struct Lines {
    explicit Lines(const asio::any_io_executor& executor) : news(executor, asio::steady_timer::time_point::max()) {}
    std::string text;
    asio::steady_timer news;
    bool done = false;

    void add(const json::object& line) {
        text += json::serialize(line);
        text += '\n';
        news.cancel();
    }
    void end() {
        done = true;
        news.cancel();
    }
};

asio::awaitable<void> write_lines(net::Exchange& exchange, Lines& lines) {
    while (!lines.done || !lines.text.empty()) {
        if (lines.text.empty()) {
            co_await lines.news.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        const auto text = std::exchange(lines.text, {});
        if (!co_await exchange.write(text)) co_return;
    }
}

}  // namespace

namespace {

constexpr int client_left = 499;

}  // namespace

bool Gateway::streams_body(std::string_view method, std::string_view path) {
    return method == "POST" && path.starts_with("/api/blobs/");
}

asio::awaitable<void> Gateway::has_blob(net::Exchange& exchange, Caller& /*caller*/) {
    const bool there = shared_.shelf.has_blob(digest_in(exchange.path()));
    if (!there)
        co_return co_await refuse_with(exchange, Protocol::ollama,
                                       {.code = Code::not_found, .message = "no such blob"});
    (void)co_await exchange.respond({});
}

asio::awaitable<void> Gateway::take_blob(net::Exchange& exchange, Caller& /*caller*/) {
    const auto taken = co_await shared_.shelf.take_blob(std::string(digest_in(exchange.path())), length_of(exchange),
                                                        [&exchange] { return exchange.read_body(); });
    if (!taken) co_return co_await refuse_with(exchange, Protocol::ollama, taken.error());
    (void)co_await exchange.respond({.status = 201});
}

asio::awaitable<void> Gateway::report_work(net::Exchange& exchange, Caller& caller, bool stream, const Work& work) {
    if (!stream) {
        Result<void> done = fail(Code::cancelled, "the client has left");
        const auto run = [](const Work& mine, Result<void>& result) -> asio::awaitable<void> {
            result = co_await mine([](const ollama::Progress&) {});
        };
        if (co_await exchange.while_connected(run(work, done))) {
            caller.status = client_left;
            co_return;
        }
        if (!done) co_return co_await refuse_with(exchange, Protocol::ollama, done.error());
        co_return (void) co_await exchange.respond(json_reply({{"status", ollama::status::success}}));
    }
    exchange.start(200, "application/x-ndjson", {});
    Lines lines(co_await asio::this_coro::executor);
    const auto run = [](net::Exchange& to, const Work& mine, Lines& out) -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        const auto labour = [](const Work& inner, Lines& told) -> asio::awaitable<void> {
            const auto done = co_await inner(
                [&told](const ollama::Progress& progress) { told.add(ollama::encode_progress(progress)); });
            // A failure comes with 200, as in Ollama: the head has left.
            told.add(done ? ollama::encode_progress({.status = std::string(ollama::status::success)})
                          : ollama::encode_error(done.error()));
            told.end();
            // The writer ends both, when all is written, or when nobody reads any more.
            asio::steady_timer for_ever(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
            co_await for_ever.async_wait(asio::use_awaitable);
        };
        co_await (labour(mine, out) || write_lines(to, out));
    };
    if (co_await exchange.while_connected(run(exchange, work, lines)) || !lines.done) {
        caller.status = client_left;
        co_return exchange.abort();
    }
    (void)co_await exchange.finish();
}

asio::awaitable<void> Gateway::create_model(net::Exchange& exchange, Caller& caller) {
    auto request = ollama::decode_create(exchange.request().body());
    if (!request) co_return co_await refuse_with(exchange, Protocol::ollama, request.error());
    if (auto free = not_configured(request->model, "model"); !free)
        co_return co_await refuse_with(exchange, Protocol::ollama, free.error());
    const bool stream = request->stream;
    co_await report_work(exchange, caller, stream, [this, &request](Shelf::Report report) {
        return shared_.shelf.create(std::move(*request), std::move(report));
    });
}

asio::awaitable<void> Gateway::pull_model(net::Exchange& exchange, Caller& caller) {
    const auto request = ollama::decode_pull(exchange.request().body());
    if (!request) co_return co_await refuse_with(exchange, Protocol::ollama, request.error());
    // What is configured is here already.
    const bool there =
        find_model(shared_.config, request->model).has_value() && shared_.shelf.find(request->model) == nullptr;
    co_await report_work(exchange, caller, request->stream, [this, &request, there](Shelf::Report report) {
        if (!there) return shared_.shelf.pull(request->model, std::move(report));
        return [](Shelf::Report tell) -> asio::awaitable<Result<void>> {
            tell({.status = std::string(ollama::status::pulling_manifest)});
            co_return Result<void>{};
        }(std::move(report));
    });
}

asio::awaitable<void> Gateway::copy_model(net::Exchange& exchange, Caller& /*caller*/) {
    const auto request = ollama::decode_copy(exchange.request().body());
    if (!request) co_return co_await refuse_with(exchange, Protocol::ollama, request.error());
    if (auto free = not_configured(request->destination, "destination"); !free)
        co_return co_await refuse_with(exchange, Protocol::ollama, free.error());
    if (auto done = shared_.shelf.copy(request->source, request->destination); !done)
        co_return co_await refuse_with(exchange, Protocol::ollama, done.error());
    (void)co_await exchange.respond({});
}

asio::awaitable<void> Gateway::delete_model(net::Exchange& exchange, Caller& /*caller*/) {
    const auto name = ollama::decode_delete(exchange.request().body());
    if (!name) co_return co_await refuse_with(exchange, Protocol::ollama, name.error());
    if (auto free = not_configured(*name, "model"); !free)
        co_return co_await refuse_with(exchange, Protocol::ollama, free.error());
    if (auto done = shared_.shelf.remove(*name); !done)
        co_return co_await refuse_with(exchange, Protocol::ollama, done.error());
    (void)co_await exchange.respond({});
}

// What the configuration's file names, clients do not change.
Result<void> Gateway::not_configured(std::string_view name, std::string_view field) const {
    if (desk_.is_auto(name))
        return fail_field(std::string(field), "\"auto\" is the name by which clients ask for whatever model fits");
    if (shared_.config.find_pipeline(name) != nullptr)
        return fail_field(std::string(field), fmt::format("'{}' is the name of a pipeline", name.substr(0, 128)));
    const auto model = find_model(shared_.config, name);
    if (!model || shared_.config.models[*model].brought) return {};
    return std::unexpected(
        Error{.code = Code::invalid_argument,
              .message = fmt::format("model '{}' is one of the configuration", shared_.config.models[*model].name),
              .hint = "Only its file changes it.",
              .field = std::string(field)});
}

}  // namespace sarai::gateway
