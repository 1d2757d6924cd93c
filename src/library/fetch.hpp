// Asking servers for files: what of their failures may be tried again, and small answers.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "net/follow.hpp"

namespace sarai::library {

namespace asio = boost::asio;

// How an attempt failed.
struct Fault {
    Error error;
    bool transient = false;   // of the connection, or a 5xx: another attempt may do better
    bool progressed = false;  // it brought something all the same: the attempts are counted anew
};
template <class T>
using Attempt = std::expected<T, Fault>;

struct Patience {
    int attempts = 3;
    std::chrono::milliseconds pause{1'000};  // before the second; doubles for each further one
    net::Budgets budgets{.connect = std::chrono::seconds(10),
                         .first_byte = std::chrono::seconds(30),
                         .silence = std::chrono::seconds(60)};
};

// Calls `attempt`, which returns an awaitable<Attempt<T>>, until it does well or there is no point.
template <class T>
asio::awaitable<Result<T>> persist(Patience patience, auto attempt) {
    auto pause = patience.pause;
    for (int left = patience.attempts;;) {
        Attempt<T> got = co_await attempt();
        if (got) co_return std::move(*got);
        if (got.error().progressed) {
            left = patience.attempts;
            pause = patience.pause;
        }
        if (!got.error().transient || --left <= 0) co_return std::unexpected(std::move(got.error().error));
        asio::steady_timer timer(co_await asio::this_coro::executor, pause);
        co_await timer.async_wait(asio::use_awaitable);
        pause *= 2;
    }
}

// What a failed connection to `url` means.
[[nodiscard]] Fault fault_of(const std::string& url, Error error);
// What an answer means that is not the one hoped for; reads a little of its body.
[[nodiscard]] asio::awaitable<Fault> fault_of(const std::string& url, net::BodyStream& answer);

// The body of a small file, with patience.
[[nodiscard]] asio::awaitable<Result<std::string>> fetch_text(std::string url, Bytes longest, Patience patience);

// Is a file there? Its size, where the server says it.
struct Head {
    std::optional<Bytes> size = {};
};
// Error: not_found, where it is not.
[[nodiscard]] asio::awaitable<Result<Head>> fetch_head(std::string url, Patience patience);

// A header's value; "" without it.
[[nodiscard]] std::string_view header_of(const net::BodyStream& answer, net::http::field name);

// A number in a header.
[[nodiscard]] std::optional<Bytes> bytes_in(std::string_view text);

}  // namespace sarai::library
