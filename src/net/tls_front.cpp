#include "net/tls_front.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <chrono>

#include "net/quiet.hpp"
#include "net/task_group.hpp"

namespace sarai::net {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;
using Inner = asio::local::stream_protocol::socket;
using Outer = ssl::stream<tcp::socket>;

constexpr std::chrono::seconds time_to_shake_hands{10};
constexpr std::chrono::seconds time_to_say_goodbye{1};
constexpr std::chrono::seconds write_stall{60};  // as the server's own limit: whoever takes nothing is dropped
constexpr std::size_t buffer_size = 16U << 10U;  // a TLS record holds no more

// What each direction shares: the first that ends closes the other's source.
struct Pair {
    Outer outer;
    Inner inner;

    void close_inner() {
        error_code ignored;
        inner.shutdown(Inner::shutdown_both, ignored);
    }
    void close_outer() {
        error_code ignored;
        outer.next_layer().shutdown(tcp::socket::shutdown_both, ignored);
    }
};

awaitable<void> from_client(Pair& pair) {
    std::array<char, buffer_size> buffer;
    for (;;) {
        const auto [ec, count] = co_await pair.outer.async_read_some(asio::buffer(buffer), quiet);
        if (ec) break;
        const auto [failed, ignored] = co_await asio::async_write(pair.inner, asio::buffer(buffer, count), quiet);
        if (failed) break;
    }
    pair.close_inner();
}

awaitable<void> to_client(Pair& pair) {
    std::array<char, buffer_size> buffer;
    for (;;) {
        const auto [ec, count] = co_await pair.inner.async_read_some(asio::buffer(buffer), quiet);
        if (ec) break;
        const auto [failed, ignored] =
            co_await asio::async_write(pair.outer, asio::buffer(buffer, count), asio::cancel_after(write_stall, quiet));
        if (failed) break;
    }
    // "close notify"; a client that does not answer it is not waited for.
    co_await pair.outer.async_shutdown(asio::cancel_after(time_to_say_goodbye, quiet));
    pair.close_outer();
}

// The server gives a connection up by closing its side: to make room, or at the end. A wait may end for nothing, with
// what epoll had to tell of an earlier socket of the same number.
awaitable<void> until_given_up(Pair& pair) {
    for (;;) {
        const auto [ec] = co_await pair.inner.async_wait(Inner::wait_read, quiet);
        char byte = 0;
        if (ec || ::recv(pair.inner.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) co_return;
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) co_return;
    }
}

awaitable<void> carry(Outer outer, Inner inner) {
    using namespace asio::experimental::awaitable_operators;
    Pair pair{std::move(outer), std::move(inner)};
    const auto first = co_await (
        pair.outer.async_handshake(ssl::stream_base::server, asio::cancel_after(time_to_shake_hands, quiet)) ||
        until_given_up(pair));
    if (first.index() == 1) co_return;
    if (const auto ec = std::get<0>(std::get<0>(first)); ec) {
        spdlog::debug("a TLS handshake failed: {}", ec.message());
        co_return;
    }
    co_await (from_client(pair) && to_client(pair));
}

std::unexpected<Error> unusable(std::string_view what, const std::filesystem::path& file, error_code ec) {
    return std::unexpected(Error{.code = Code::invalid_argument,
                                 .message = fmt::format("cannot use {} {}", what, file.string()),
                                 .field = std::string(what),
                                 .cause = ec});
}

}  // namespace

struct TlsFront::State {
    explicit State(asio::any_io_executor on) : executor(on), tasks(on) {}
    asio::any_io_executor executor;
    ssl::context context{ssl::context::tls_server};
    TaskGroup tasks;
};

TlsFront::TlsFront(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsFront::~TlsFront() = default;

Result<std::shared_ptr<TlsFront>> TlsFront::create(asio::any_io_executor executor,
                                                   const std::filesystem::path& certificate,
                                                   const std::filesystem::path& key) {
    auto state = std::make_unique<State>(std::move(executor));
    auto& context = state->context;
    error_code ec;
    context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                            ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::no_compression,
                        ec);
    if (ec) return unusable("TLS", {}, ec);
    if (context.use_certificate_chain_file(certificate.string(), ec))
        return unusable("server.tls_certificate", certificate, ec);
    if (context.use_private_key_file(key.string(), ssl::context::pem, ec)) return unusable("server.tls_key", key, ec);
    return std::shared_ptr<TlsFront>(new TlsFront(std::move(state)));
}

Result<asio::generic::stream_protocol::socket> TlsFront::take(tcp::socket client) {
    Inner ours(state_->executor);
    Inner servers(state_->executor);
    error_code ec;
    if (asio::local::connect_pair(ours, servers, ec)) return fail(Code::io, "cannot make a pair of sockets", ec);
    try {
        state_->tasks.spawn("TLS", carry(Outer(std::move(client), state_->context), std::move(ours)));
    } catch (const boost::system::system_error& error) { return fail(Code::io, "cannot begin TLS", error.code()); }
    return asio::generic::stream_protocol::socket(std::move(servers));
}

std::size_t TlsFront::size() const { return state_->tasks.size(); }

asio::awaitable<void> TlsFront::stop() {
    if (co_await state_->tasks.join(time_to_say_goodbye)) co_return;
    state_->tasks.cancel_all();
    (void)co_await state_->tasks.join(time_to_say_goodbye);
}

}  // namespace sarai::net
