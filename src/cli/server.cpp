#include "cli/server.hpp"

#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <optional>
#include <ranges>

#include "cli/configuration.hpp"
#include "config/problem.hpp"

namespace sarai::cli {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

Result<net::Origin> origin_of(const config::Config& config) {
    const auto& server = config.server;
    if (server.port == 0) {
        return fail(Code::invalid_argument,
                    fmt::format("{} lets the system choose the port", config::printable(config.file.string())),
                    "Give the address that the server printed: --url http://127.0.0.1:PORT");
    }
    // Whoever listens everywhere is found here.
    const auto host = server.address == "0.0.0.0" ? "127.0.0.1" : server.address == "::" ? "::1" : server.address;
    return net::Origin{
        .transport = server.tls_certificate.empty() ? net::Origin::Transport::tcp : net::Origin::Transport::tls,
        .host = host,
        .port = std::to_string(server.port)};
}

Code code_of(unsigned status) {
    switch (status) {
        case 400:
        case 422: return Code::invalid_argument;
        case 401: return Code::unauthorized;
        case 403: return Code::forbidden;
        case 404: return Code::not_found;
        case 413: return Code::too_large;
        case 429:
        case 503: return Code::busy;
        default: return Code::upstream;
    }
}

}  // namespace

std::string url_of(const net::Origin& origin) {
    if (origin.transport == net::Origin::Transport::unix_socket) return "unix:" + origin.socket.string();
    const bool tls = origin.transport == net::Origin::Transport::tls;
    return (tls ? "https://" : "http://") + origin.name() + origin.base;
}

namespace {

Result<net::Origin> find_origin(const ServerChoice& choice, const Io& io) {
    if (!choice.url.empty()) return net::Origin::parse(choice.url);
    if (!choice.config.empty()) {
        auto config = load_config(choice.config, io.environment);
        if (!config) return std::unexpected(std::move(config.error()));
        return origin_of(*config);
    }
    const auto* url = io.environment.find_filled("SARAI_URL");
    auto origin = net::Origin::parse(url == nullptr ? default_url : std::string_view(*url));
    if (!origin && url != nullptr) origin.error().message = "SARAI_URL: " + origin.error().message;
    return origin;
}

}  // namespace

Result<net::Origin> find_server(const ServerChoice& choice, const Io& io) {
    auto origin = find_origin(choice, io);
    if (const auto* key = io.environment.find_filled("SARAI_API_KEY"); key != nullptr && origin) origin->bearer = *key;
    return origin;
}

Error unreachable(const net::Origin& origin, const Error& error) {
    return {
        .code = error.code,
        .message = fmt::format("no answer from {}: {}", url_of(origin), error.message),
        // Whoever took the request is there.
        .hint =
            error.unsent
                ? "Start a server with \"sarai serve --config FILE\" or \"sarai demo\", or name another one with --url"
                : "",
        .cause = error.cause};
}

std::optional<Error> told_error(const json::object& answer, Code otherwise) {
    const auto* error = answer.if_contains("error");
    const auto* envelope = &answer;
    if (error != nullptr && error->is_object()) {
        envelope = &error->get_object();
        error = envelope->if_contains("message");
    }
    if (error == nullptr || !error->is_string()) return std::nullopt;
    // The status line alone cannot tell it from a server that is busy.
    const auto* name = envelope->if_contains("code");
    auto code = otherwise;
    if (name != nullptr && *name == "insufficient_memory") code = Code::no_memory;
    if (name != nullptr && *name == "context_length_exceeded") code = Code::too_long;
    // It may have several lines, one for each problem.
    std::string message;
    for (const auto line : std::views::split(std::string_view(error->get_string()), '\n'))
        message += (message.empty() ? "" : "\n") + config::printable(std::string_view(line), 4096);
    return Error{.code = code, .message = std::move(message)};
}

Error server_error(unsigned status, std::string_view body) {
    boost::system::error_code ec;
    const auto parsed = json::parse(body, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    const auto code = code_of(status);
    auto told = object == nullptr ? std::nullopt : told_error(*object, code);
    if (!told) return {.code = code, .message = fmt::format("the server answered with status {}", status)};
    if (code == Code::unauthorized) told->hint = "Give your key in the environment variable SARAI_API_KEY";
    return *told;
}

Result<json::object> object_of(const net::Origin& origin, std::string_view target,
                               Result<net::ClientResponse> response) {
    if (!response) return std::unexpected(unreachable(origin, response.error()));
    // A 404 of ours says what was not found.
    if (response->status == 404 && !response->body.contains("\"error\"")) {
        return fail(Code::upstream,
                    fmt::format("{} has no {}: it is no sarai, or an older one", url_of(origin), target),
                    "Name the server with --url");
    }
    if (response->status != 200) return std::unexpected(server_error(response->status, response->body));
    boost::system::error_code ec;
    auto parsed = json::parse(response->body, ec);
    if (ec || !parsed.is_object()) {
        return fail(Code::upstream,
                    fmt::format("{} answered {} with something that is no JSON object", url_of(origin), target));
    }
    return std::move(parsed.get_object());
}

namespace {

Result<json::object> exchange(const net::Origin& origin, net::ClientRequest request, const Patience& patience = {}) {
    const auto given_up = [&] {
        return fail(Code::cancelled, fmt::format("the answer of {} was not waited for", url_of(origin)));
    };
    if (patience.stop.stop_requested()) return given_up();
    asio::io_context io{1};
    const auto target = request.target;
    net::Client client(io.get_executor(), origin);
    std::optional<Result<net::ClientResponse>> outcome;
    asio::steady_timer second(io);
    const std::function<void()> wait = [&] {
        second.expires_after(std::chrono::seconds(1));
        second.async_wait([&](boost::system::error_code ec) {
            if (ec || outcome) return;
            patience.every_second();
            wait();
        });
    };
    if (patience.every_second) wait();
    asio::cancellation_signal cancel;
    const auto ended = [&](std::exception_ptr thrown, Result<net::ClientResponse> response) {
        // Asio unwinds a coroutine that was cancelled between two waits.
        if (thrown && !patience.stop.stop_requested()) std::rethrow_exception(thrown);
        outcome = thrown ? given_up() : std::move(response);
        second.cancel();
        client.drop_idle();
    };
    asio::co_spawn(io, client.fetch(std::move(request), {.first_byte = patience.at_most, .silence = patience.at_most}),
                   asio::bind_cancellation_slot(cancel.slot(), ended));
    const std::stop_callback stop(patience.stop, [&] {  // on the thread that asks for it
        asio::post(io, [&cancel] { cancel.emit(asio::cancellation_type::terminal); });
    });
    io.run();
    if (!*outcome && patience.stop.stop_requested()) return given_up();
    return object_of(origin, target, std::move(outcome.value()));
}

}  // namespace

Result<json::object> get_json(const net::Origin& origin, std::string target) {
    return exchange(origin, {.target = std::move(target)});
}

Result<json::object> post_json(const net::Origin& origin, std::string target, const json::object& body,
                               Patience patience) {
    return exchange(origin,
                    {.method = net::http::verb::post, .target = std::move(target), .body = json::serialize(body)},
                    patience);
}

}  // namespace sarai::cli
