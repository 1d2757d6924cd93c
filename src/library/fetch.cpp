#include "library/fetch.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "protocols/json.hpp"
#include "protocols/upstream_error.hpp"

namespace sarai::library {
namespace {

constexpr std::size_t most_of_an_error = 4096;

asio::awaitable<Attempt<std::string>> text_of(const std::string& url, Bytes longest, const Patience& patience) {
    auto opened = co_await net::open_url(url, {}, patience.budgets);
    if (!opened) co_return std::unexpected(fault_of(url, std::move(opened.error())));
    if (opened->body->status() != 200) co_return std::unexpected(co_await fault_of(url, *opened->body));
    std::string text;
    for (;;) {
        const auto part = co_await opened->body->read_some();
        if (!part) co_return std::unexpected(fault_of(url, part.error()));
        if (part->empty()) co_return text;
        text += *part;
        if (std::cmp_greater(text.size(), longest.count))
            co_return std::unexpected(fault_of(
                url,
                {.code = Code::upstream, .message = fmt::format("the answer is larger than {}", to_string(longest))}));
    }
}

asio::awaitable<Attempt<Head>> head_of(const std::string& url, const Patience& patience) {
    auto opened = co_await net::open_url(url, {.method = net::http::verb::head}, patience.budgets);
    if (!opened) co_return std::unexpected(fault_of(url, std::move(opened.error())));
    const auto status = opened->body->status();
    if (status == 405 || status == 501) co_return Head{};  // it has no HEAD; a GET will tell
    if (status != 200) co_return std::unexpected(co_await fault_of(url, *opened->body));
    co_return Head{.size = bytes_in(header_of(*opened->body, net::http::field::content_length))};
}

}  // namespace

std::string_view header_of(const net::BodyStream& answer, net::http::field name) {
    const auto value = answer.headers()[name];
    return {value.data(), value.size()};
}

std::optional<Bytes> bytes_in(std::string_view text) {
    std::int64_t count = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (ec != std::errc{} || end != text.data() + text.size() || count < 0) return std::nullopt;
    return Bytes{count};
}

Fault fault_of(const std::string& url, Error error) {
    const bool transient = error.code == Code::unavailable || error.code == Code::timeout;
    error.message = fmt::format("{}: {}", url, error.message);
    return {.error = std::move(error), .transient = transient};
}

asio::awaitable<Fault> fault_of(const std::string& url, net::BodyStream& answer) {
    std::string body;
    while (body.size() < most_of_an_error) {
        const auto part = co_await answer.read_some();
        if (!part || part->empty()) break;
        body += *part;
    }
    const auto status = answer.status();
    auto error = protocols::error_of(
        {.status = status, .body = body, .retry_after = header_of(answer, net::http::field::retry_after)});
    // Whom that one advises has an endpoint and a key of it; here somebody asked for a file.
    error.message =
        fmt::format("{} answered {}{}", url, status, body.empty() ? "" : fmt::format(": {}", protocols::excerpt(body)));
    if (error.code == Code::denied_upstream)
        error.hint = "It needs an account that may read it, or does not exist: some servers do not tell the two apart.";
    else if (error.retry_after.count() == 0)
        error.hint.clear();
    if (status < 400 || is_requests_fault(error.code)) error.code = Code::upstream;  // nothing that we said
    co_return Fault{.error = std::move(error), .transient = status >= 500};
}

asio::awaitable<Result<std::string>> fetch_text(std::string url, Bytes longest, Patience patience) {
    co_return co_await persist<std::string>(patience, [&] { return text_of(url, longest, patience); });
}

asio::awaitable<Result<Head>> fetch_head(std::string url, Patience patience) {
    co_return co_await persist<Head>(patience, [&] { return head_of(url, patience); });
}

}  // namespace sarai::library
