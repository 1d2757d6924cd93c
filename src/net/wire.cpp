#include "net/wire.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <iterator>
#include <vector>

#include "net/quiet.hpp"
#include "net/send_now.hpp"

namespace sarai::net {
namespace {

using boost::system::error_code;
using std::chrono::milliseconds;

// An aborted operation is a timeout unless the coroutine itself was cancelled.
// Nothing was sent yet.
Error unsent(Error error) {
    error.unsent = error.code != Code::cancelled;
    return error;
}

asio::awaitable<Error> explain(error_code ec, std::string timeout_message, std::string failure_message) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        co_return Error{.code = Code::cancelled, .message = "the request was cancelled"};
    if (ec == asio::error::operation_aborted)
        co_return Error{.code = Code::timeout, .message = std::move(timeout_message)};
    co_return Error{.code = Code::unavailable, .message = fmt::format("{}: {}", failure_message, ec.message())};
}

asio::ssl::context& tls_context() {
    static asio::ssl::context context = [] {
        asio::ssl::context made(asio::ssl::context::tls_client);
        made.set_default_verify_paths();
        made.set_verify_mode(asio::ssl::verify_peer);
        return made;
    }();
    return context;
}

// A box that is suspended or unplugged closes nothing: without these the kernel would resend for a quarter of an hour,
// and wait for an answer for ever. What was sent must be acknowledged within 10 s; while nothing is sent, a box that
// answers no keep-alive probe is given up after 5 + 3 × 3 s (TCP_USER_TIMEOUT holds for these as well, see tcp(7)).
void notice_loss(int socket) {
    const auto set = [&](int level, int option, int value) {
        ::setsockopt(socket, level, option, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 5);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 3);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
}

asio::awaitable<Result<std::vector<asio::ip::tcp::endpoint>>> resolve(const Origin& origin, milliseconds budget) {
    error_code ec;
    const auto address = asio::ip::make_address(origin.address.empty() ? origin.host : origin.address, ec);
    const auto port = [&] { return static_cast<std::uint16_t>(std::stoul(origin.port)); };
    if (!ec) co_return std::vector{asio::ip::tcp::endpoint(address, port())};
    if (!origin.address.empty())
        co_return fail(Code::invalid_argument, fmt::format("\"{}\" is no address", origin.address));
    // This machine, whatever a resolver says (RFC 6761, 6.3); where nothing names it, a resolver does not know it.
    if (origin.host == "localhost")
        co_return std::vector{asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port()),
                              asio::ip::tcp::endpoint(asio::ip::address_v6::loopback(), port())};
    asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
    auto [failed, found] = co_await resolver.async_resolve(origin.host, origin.port, asio::cancel_after(budget, quiet));
    if (failed)
        co_return std::unexpected(unsent(
            co_await explain(failed, fmt::format("resolving {} took longer than {} ms", origin.host, budget.count()),
                             fmt::format("cannot resolve {}", origin.host))));
    std::vector<asio::ip::tcp::endpoint> endpoints;
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    co_return endpoints;
}

}  // namespace

Wire::Wire(Socket socket, std::string peer)
    : plain_(std::move(socket)),
      timer_(plain_->get_executor()),
      watchdog_(plain_->get_executor(), [this] { cancel_waits(); }),
      peer_(std::move(peer)) {}

void Wire::cancel_waits() {
    error_code ignored;
    socket().cancel(ignored);
}

void Wire::give_up(Error why) {
    given_up_ = std::move(why);
    cancel_waits();
}

std::unique_ptr<Wire> Wire::connect_now(const asio::any_io_executor& executor, const Origin& origin) {
    if (origin.transport != Origin::Transport::unix_socket) return nullptr;
    const asio::local::stream_protocol::endpoint endpoint(origin.socket.string());
    Socket socket(executor);
    error_code ec;
    if (socket.open(endpoint.protocol(), ec) || socket.native_non_blocking(true, ec)) return nullptr;
    if (::connect(socket.native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0)
        return nullptr;
    return std::unique_ptr<Wire>(new Wire(std::move(socket), origin.name()));
}

asio::awaitable<Result<std::unique_ptr<Wire>>> Wire::connect(const Origin& origin, milliseconds budget) {
    const auto executor = co_await asio::this_coro::executor;
    const auto peer = origin.name();
    const auto timed_out = fmt::format("connecting to {} took longer than {} ms", peer, budget.count());
    const auto failed = fmt::format("cannot connect to {}", peer);

    if (origin.transport == Origin::Transport::unix_socket) {
        if (auto wire = connect_now(executor, origin)) co_return std::move(wire);
        Socket socket(executor);
        auto [ec] = co_await socket.async_connect(asio::local::stream_protocol::endpoint(origin.socket.string()),
                                                  asio::cancel_after(budget, quiet));
        if (ec) co_return std::unexpected(unsent(co_await explain(ec, timed_out, failed)));
        co_return std::unique_ptr<Wire>(new Wire(std::move(socket), peer));
    }

    const auto deadline = std::chrono::steady_clock::now() + budget;
    auto endpoints = co_await resolve(origin, budget);
    if (!endpoints) co_return std::unexpected(endpoints.error());
    error_code last = asio::error::host_not_found;
    auto untried = static_cast<std::int64_t>(std::ranges::distance(*endpoints));
    for (const auto& endpoint : *endpoints) {
        const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            last = asio::error::operation_aborted;
            break;
        }
        // None may keep the others from their turn: IPv6 is often lost without a word.
        const auto share = std::max(left / untried--, milliseconds(1));
        Socket socket(executor);
        auto [ec] = co_await socket.async_connect(endpoint, asio::cancel_after(share, quiet));
        last = ec;
        if (ec) continue;
        error_code ignored;
        socket.set_option(asio::ip::tcp::no_delay(true), ignored);
        notice_loss(socket.native_handle());
        auto wire = std::unique_ptr<Wire>(new Wire(std::move(socket), peer));
        if (origin.transport == Origin::Transport::tls) {
            auto& tls = wire->tls_.emplace(std::move(*wire->plain_), tls_context());
            wire->plain_.reset();
            SSL_set_tlsext_host_name(tls.native_handle(), origin.host.c_str());
            tls.set_verify_callback(asio::ssl::host_name_verification(origin.host));
            const auto rest = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
            auto [handshake] = co_await tls.async_handshake(asio::ssl::stream_base::client,
                                                            asio::cancel_after(std::max(rest, milliseconds(1)), quiet));
            if (handshake)
                co_return std::unexpected(
                    unsent(co_await explain(handshake, fmt::format("the TLS handshake with {} took too long", peer),
                                            fmt::format("TLS handshake with {} failed", peer))));
        }
        co_return std::move(wire);
    }
    co_return std::unexpected(unsent(co_await explain(last, timed_out, failed)));
}

asio::awaitable<Result<void>> Wire::write(std::string_view head, std::string_view body, milliseconds budget) {
    std::array buffers{asio::const_buffer(head.data(), head.size()), asio::const_buffer(body.data(), body.size())};
    error_code ec;
    waits_since_ = std::chrono::steady_clock::now();
    given_up_.reset();
    if (tls_) {
        std::tie(ec, std::ignore) =
            co_await asio::async_write(*tls_, buffers, asio::cancel_after(timer_, budget, quiet));
    } else if (!send_now(plain_->native_handle(), buffers, ec) && !ec) {
        std::tie(ec, std::ignore) =
            co_await asio::async_write(*plain_, buffers, asio::cancel_after(timer_, budget, quiet));
    }
    waits_since_.reset();
    if (!ec) co_return Result<void>{};
    if (given_up_) co_return std::unexpected(*given_up_);
    co_return std::unexpected(
        co_await explain(ec, fmt::format("{} did not take the request within {} ms", peer_, budget.count()),
                         fmt::format("{} closed the connection", peer_)));
}

asio::awaitable<Result<std::size_t>> Wire::read_some(asio::mutable_buffer into, milliseconds budget,
                                                     const char* waiting_for) {
    error_code ec;
    std::size_t count = 0;
    waits_since_ = watchdog_.watch(budget);
    given_up_.reset();
    if (tls_)
        std::tie(ec, count) = co_await tls_->async_read_some(into, quiet);
    else
        std::tie(ec, count) = co_await plain_->async_read_some(into, quiet);
    watchdog_.release();
    waits_since_.reset();
    if (!ec) co_return count;
    if (given_up_) co_return std::unexpected(*given_up_);
    if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated) co_return std::size_t{0};
    co_return std::unexpected(
        co_await explain(ec, silent(waiting_for, budget).message, fmt::format("{} closed the connection", peer_)));
}

Error Wire::silent(const char* waiting_for, milliseconds budget) const {
    return {.code = Code::timeout,
            .message = fmt::format("{} sent no {} within {} ms", peer_, waiting_for, budget.count())};
}

std::chrono::microseconds Wire::round_trip() {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket().native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
    return std::chrono::microseconds(info.tcpi_rtt);
}

bool Wire::still_idle() {
    char byte = 0;
    const auto got = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace sarai::net
