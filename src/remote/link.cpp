#include "remote/link.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/json.hpp"
#include "protocols/upstream_error.hpp"

namespace sarai::remote {
namespace {

using net::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Bytes max_reply = MiB(64);           // embeddings of a large batch
constexpr std::size_t max_error = 64U << 10U;  // of an error's body no more is read
constexpr milliseconds time_to_explain{1000};  // at least, for what comes after an error's head

net::ClientRequest request_for(const Link& link, net::http::verb method, std::string target, std::string body) {
    net::ClientRequest request{
        .method = method, .target = std::move(target), .headers = link.headers, .body = std::move(body)};
    if (!link.may_move.expired())
        request.replaceable = [may_move = link.may_move] {
            const auto asks = may_move.lock();
            return asks && (*asks)();
        };
    return request;
}

Error error_for(const Link& link, unsigned status, std::string_view body, const net::http::fields& headers) {
    const auto wait = headers[net::http::field::retry_after];
    return named(link, protocols::error_of({.status = status,
                                            .body = body,
                                            .model = link.model,
                                            .retry_after = std::string_view(wait.data(), wait.size())}));
}

// The body as far as it comes in time: a server that fails may well fail to say why.
awaitable<std::string> read_briefly(net::BodyStream& stream, steady_clock::time_point due, milliseconds silence) {
    std::string body;
    while (body.size() < max_error) {
        const auto left = std::chrono::ceil<milliseconds>(due - steady_clock::now());
        if (left.count() <= 0) break;
        stream.set_silence(std::min(left, silence));
        const auto part = co_await stream.read_some();
        if (!part || part->empty()) break;
        body += *part;
    }
    co_return body;
}

}  // namespace

Link link_of(std::shared_ptr<net::Client> client, const config::RemoteModel& model, const config::Endpoint& endpoint) {
    Link link{.client = std::move(client), .name = endpoint.name, .model = model.model, .budgets = model.budgets};
    if (model.continues) link.continues = Continues::prefill;
    if (!endpoint.api_key.empty()) link.headers.emplace_back("Authorization", "Bearer " + endpoint.api_key);
    return link;
}

Link traced(const Link& link, const llm::Request& request) {
    auto copy = link;
    copy.may_move = request.may_move;
    if (!request.traceparent.empty()) copy.headers.emplace_back("traceparent", request.traceparent);
    if (!request.via.empty() && link.client->origin().transport != net::Origin::Transport::unix_socket)
        copy.headers.emplace_back("Via", request.via);
    return copy;
}

Error named(const Link& link, Error error) {
    const auto name = link.name.empty() ? link.client->origin().name() : link.name;
    if (!error.message.contains(name)) error.message = fmt::format("{}: {}", name, error.message);
    return error;
}

Error cannot_continue(const Link& link) {
    return named(link, {.code = Code::upstream, .message = "cannot go on with an answer that another backend began"});
}

awaitable<Result<std::string>> post(const Link& link, std::string target, std::string body) {
    // Where nothing is streamed the head comes with the whole answer, so only the total can be bounded.
    const auto total = link.budgets.total;
    const net::Budgets budgets{.connect = link.budgets.connect, .first_byte = total, .silence = total};
    auto response = co_await link.client->fetch(
        request_for(link, net::http::verb::post, std::move(target), std::move(body)), budgets, max_reply, total);
    if (!response) co_return std::unexpected(named(link, std::move(response.error())));
    if (response->status != 200)
        co_return std::unexpected(error_for(link, response->status, response->body, response->headers));
    co_return std::move(response->body);
}

awaitable<Result<Opened>> open_stream(const Link& link, std::string target, std::string body) {
    const auto first_due = steady_clock::now() + link.budgets.first_token;
    const net::Budgets budgets{
        .connect = link.budgets.connect, .first_byte = link.budgets.first_token, .silence = link.budgets.silence};
    auto stream = co_await link.client->open(
        request_for(link, net::http::verb::post, std::move(target), std::move(body)), budgets);
    if (!stream) co_return std::unexpected(named(link, std::move(stream.error())));
    const auto status = (*stream)->status();
    const auto type = (*stream)->headers()[net::http::field::content_type];
    if (status == 200 && !type.starts_with("application/json"))
        co_return Opened{.body = std::move(*stream), .first_due = first_due};

    const auto text = co_await read_briefly(**stream, std::max(first_due, steady_clock::now() + time_to_explain),
                                            link.budgets.silence);
    if (status != 200) co_return std::unexpected(error_for(link, status, text, (*stream)->headers()));
    if (const auto value = protocols::parse_json(text); value && value->is_object())
        if (const auto* error = protocols::find(value->get_object(), "error"); error != nullptr)
            co_return std::unexpected(named(link, protocols::error_of(*error, link.model)));
    co_return std::unexpected(named(
        link, Error{.code = Code::upstream,
                    .message = fmt::format("asked for a stream, got a single reply: {}", protocols::excerpt(text))}));
}

awaitable<Result<Probed>> probe(const Link& link, std::string target) {
    // A probe answers from memory; a server that takes longer than it may take to connect is not well.
    const net::Budgets budgets{
        .connect = link.budgets.connect, .first_byte = link.budgets.connect, .silence = link.budgets.connect};
    auto response = co_await link.client->fetch(request_for(link, net::http::verb::get, std::move(target), {}), budgets,
                                                max_reply, link.budgets.connect * 2);
    if (!response) co_return std::unexpected(named(link, response.error()));
    if (response->status >= 500)
        co_return std::unexpected(error_for(link, response->status, response->body, response->headers));
    co_return Probed{.round_trip = response->round_trip,
                     .body = response->status == 200 ? std::move(response->body) : std::string{}};
}

}  // namespace sarai::remote
