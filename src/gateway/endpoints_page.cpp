// The web page, and what it alone asks for: plans of what might be, and the log.
#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/why.hpp"
#include "page/page.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

net::Reply file_reply(const page::File& file, const net::Exchange& exchange) {
    const bool gzip = page::takes_gzip(exchange.request()["accept-encoding"]);
    // A strong tag is of what is sent, and that differs.
    const auto tag = fmt::format("\"{}{}\"", file.digest, gzip ? "-gzip" : "");
    net::Reply reply{.content_type = std::string(file.type)};
    reply.headers = {{"ETag", tag},
                     {"Cache-Control", file.lasting ? "public, max-age=31536000, immutable" : "no-cache"},
                     {"Vary", "Accept, Accept-Encoding"},
                     {"Content-Security-Policy", std::string(page::content_policy)},
                     {"X-Content-Type-Options", "nosniff"},
                     {"Referrer-Policy", "no-referrer"}};
    if (page::names_tag(exchange.request()["if-none-match"], tag)) {
        reply.status = 304;
        return reply;
    }
    reply.body = gzip ? file.gzip : file.plain;
    if (gzip) reply.headers.emplace_back("Content-Encoding", "gzip");
    return reply;
}

Result<std::uint64_t> number_in(std::string_view query, std::string_view name, std::uint64_t otherwise,
                                std::uint64_t most) {
    const auto text = query_parameter(query, name);
    if (!text) return otherwise;
    std::uint64_t number = 0;
    const auto* end = text->data() + text->size();
    if (std::from_chars(text->data(), end, number).ptr == end && !text->empty() && number <= most) return number;
    return fail_field(std::string(name), fmt::format("'{}' is \"{}\"; expected a whole number from 0 to {}", name,
                                                     text->substr(0, 40), most));
}

}  // namespace

asio::awaitable<void> Gateway::root(net::Exchange& exchange, Caller& /*caller*/) {
    // Ollama's clients ask this path whether somebody is there. Browsers say what they want to see.
    const std::string_view accept = exchange.request()["accept"];
    const auto* index = page::find_file("/");
    if (index == nullptr || exchange.request().method() == net::http::verb::head || !accept.contains("text/html"))
        co_return (void) co_await exchange.respond({.content_type = "text/plain; charset=utf-8",
                                                    .body = "sarai is running\n",
                                                    .headers = {{"Vary", "Accept, Accept-Encoding"}}});
    (void)co_await exchange.respond(file_reply(*index, exchange));
}

asio::awaitable<void> Gateway::page_file(net::Exchange& exchange, Caller& /*caller*/) {
    if (const auto* file = page::find_file(exchange.path()))
        co_return (void) co_await exchange.respond(file_reply(*file, exchange));
    co_await refuse_with(exchange, Protocol::openai,
                         Error{.code = Code::not_found,
                               .message = fmt::format("the page has no file {}", exchange.path().substr(0, 200)),
                               .hint = "It may be of an earlier version: load the page again."});
}

asio::awaitable<void> Gateway::plan(net::Exchange& exchange, Caller& /*caller*/) {
    const auto what_if = query_parameter(exchange.query(), "what_if").value_or("");
    Result<std::string> planned = fail(Code::cancelled, "the client has left");
    const auto wait = [](const Plan& made, std::string wanted, Result<std::string>& done) -> asio::awaitable<void> {
        done = co_await made(std::move(wanted));
    };
    if (co_await exchange.while_connected(wait(plan_, what_if, planned))) co_return;
    if (!planned) co_return co_await refuse_with(exchange, Protocol::openai, planned.error());
    (void)co_await exchange.respond({.body = std::move(*planned)});
}

asio::awaitable<void> Gateway::logs(net::Exchange& exchange, Caller& /*caller*/) {
    const auto last = number_in(exchange.query(), "last", 200, log_lines);
    const auto after = number_in(exchange.query(), "after", 0, UINT64_MAX);
    if (!last) co_return co_await refuse_with(exchange, Protocol::openai, last.error());
    if (!after) co_return co_await refuse_with(exchange, Protocol::openai, after.error());
    auto lines = logs_->after(*after, *last);
    if (query_parameter(exchange.query(), "follow") != "true") {
        json::array rows;
        for (const auto& line : lines) rows.push_back(log_line_json(line));
        auto reply = json_reply({{"lines", rows}});
        reply.headers.emplace_back("x-sarai-run", logs_->run());
        co_return (void) co_await exchange.respond(std::move(reply));
    }
    const auto follow = [](net::Exchange& to, std::shared_ptr<LogRing> ring, std::vector<LogLine> fresh,
                           std::uint64_t seen) -> asio::awaitable<void> {
        asio::steady_timer pause(co_await asio::this_coro::executor);
        to.start(200, "text/event-stream", {{"Cache-Control", "no-cache"}, {"x-sarai-run", ring->run()}});
        std::string events;
        int silent = 0;  // pauses
        for (;;) {
            for (const auto& line : fresh) {
                events += fmt::format("data: {}\n\n", json::serialize(log_line_json(line)));
                seen = line.id;
            }
            // A line now and then shows who has gone without a word.
            if (events.empty() && silent++ % 60 == 0) events = ":\n\n";
            if (!events.empty() && !(co_await to.write(events))) co_return;
            if (!fresh.empty()) silent = 1;
            events.clear();
            if (ring->closed() || to.request().method() == net::http::verb::head) break;
            pause.expires_after(250ms);
            co_await pause.async_wait(asio::use_awaitable);
            fresh = ring->after(seen, log_lines);
        }
        (void)co_await to.finish();
    };
    (void)co_await exchange.while_connected(follow(exchange, logs_, std::move(lines), *after));
}

}  // namespace sarai::gateway
