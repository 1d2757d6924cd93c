#include "net/http_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <set>

#include "net/connection.hpp"
#include "net/quiet.hpp"
#include "net/service_manager.hpp"
#include "net/task_group.hpp"

namespace sarai::net {

using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
    State(asio::any_io_executor on, ServerLimits set, Handler answer, Refuse deny, std::shared_ptr<TlsFront> front)
        : executor(on),
          limits(set),
          handler(std::move(answer)),
          refuse(std::move(deny)),
          tls(std::move(front)),
          acceptor(on),
          tasks(on) {}

    asio::any_io_executor executor;
    ServerLimits limits;
    Handler handler;
    Refuse refuse;
    std::shared_ptr<TlsFront> tls;
    tcp::acceptor acceptor;
    TaskGroup tasks;
    std::set<Connection*> connections;
    Connection::Bodies bodies;
    bool draining = false;

    asio::awaitable<void> accept_loop() {
        for (;;) {
            auto [ec, socket] = co_await acceptor.async_accept(quiet);
            if (ec == asio::error::operation_aborted || !acceptor.is_open()) co_return;
            if (ec) {  // EMFILE and the like: trying again at once would spin
                spdlog::warn("cannot accept a connection: {}", ec.message());
                asio::steady_timer pause(executor, std::chrono::milliseconds(100));
                co_await pause.async_wait(quiet);
                continue;
            }
            // Whoever only keeps a connection makes room for who wants something.
            if (connections.size() >= limits.max_connections && !close_one()) {
                spdlog::warn("{} connections are busy, a further one was closed", connections.size());
                continue;  // `socket` closes
            }
            error_code ignored;
            auto peer = socket.remote_endpoint(ignored).address().to_string();
            if (tls) {
                // A handshake takes a while to be given up.
                if (tls->size() >= limits.max_connections) {
                    spdlog::warn("{} TLS connections are open, a further one was closed", tls->size());
                    continue;
                }
                auto plain = tls->take(std::move(socket));
                if (!plain) {
                    spdlog::warn("cannot take a TLS connection: {}", describe(plain.error()));
                    continue;
                }
                start(std::move(*plain), std::move(peer));
            } else {
                start(ServerSocket(std::move(socket)), std::move(peer));
            }
        }
    }

    void start(ServerSocket socket, std::string peer) {
        tasks.spawn("connection", [&](asio::cancellation_signal& cancel) {
            return serve(std::move(socket), std::move(peer), cancel);
        });
    }

    // The idle one that waits for longest; else the one that sends its request slowest.
    bool close_one() {
        Connection* longest = nullptr;
        for (auto* connection : connections)
            if (connection->idle() && connection->open() && !connection->has_sent() &&
                (longest == nullptr || connection->idle_since() < longest->idle_since()))
                longest = connection;
        if (longest == nullptr)
            for (auto* connection : connections)
                if (connection->open() && connection->arriving_since() != Connection::never &&
                    (longest == nullptr || connection->arriving_since() < longest->arriving_since()))
                    longest = connection;
        if (longest != nullptr) longest->close();
        return longest != nullptr;
    }

    asio::awaitable<void> serve(ServerSocket socket, std::string peer, asio::cancellation_signal& cancel) {
        const auto self = shared_from_this();
        Connection connection(std::move(socket), std::move(peer), limits, bodies, cancel);
        struct Listed {
            std::set<Connection*>& all;
            Connection* one;
            ~Listed() { all.erase(one); }
        } const listed{connections, *connections.insert(&connection).first};

        while (!draining) {
            auto got = co_await connection.read_request();
            if (!got) {
                if (got.error().code == Code::cancelled) break;
                connection.close_after_this();
                (void)co_await connection.respond(refuse(got.error(), connection.path()));
                co_await connection.lingering_close();
                co_return;
            }
            if (draining) connection.close_after_this();
            // A client that left is the handler's affair: what else cancels it is the end of the server.
            bool cut = false;
            try {
                co_await handler(connection);
            } catch (const boost::system::system_error& error) {
                cut = draining && error.code() == asio::error::operation_aborted;
                if (!cut) throw;
            } catch (const asio::multiple_exceptions&) {  // of several waits that were cancelled together
                cut = draining;
                if (!cut) throw;
            }
            if (cut) {
                co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
                if (connection.started() || !connection.open()) break;
                connection.close_after_this();
                (void)co_await connection.respond(
                    refuse(Error{.code = Code::unavailable, .message = "sarai is shutting down"}, connection.path()));
                co_await connection.lingering_close();
                co_return;
            }
            if (!connection.started() && connection.open())
                (void)co_await connection.respond(refuse(Error{.message = "no handler answered"}, connection.path()));
            if (connection.has_unread_body() && connection.open()) {
                co_await connection.lingering_close();
                co_return;
            }
            if (!connection.keep_alive()) break;
        }
        connection.close();
    }
};

HttpServer::HttpServer(asio::any_io_executor executor, ServerLimits limits, Handler handler, Refuse refuse,
                       std::shared_ptr<TlsFront> tls)
    : state_(std::make_shared<State>(std::move(executor), limits, std::move(handler), std::move(refuse),
                                     std::move(tls))) {}
HttpServer::~HttpServer() = default;

Result<std::uint16_t> HttpServer::listen(const std::string& address, std::uint16_t port) {
    error_code ec;
    const auto ip = asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, ec);
    if (ec) return fail_field("server.listen", fmt::format("\"{}\" is not an IP address", address));
    const tcp::endpoint endpoint(ip, port);
    auto& acceptor = state_->acceptor;
    const auto give_up = [&](const char* what) -> Result<std::uint16_t> {
        error_code ignored;
        acceptor.close(ignored);
        return fail(Code::io, fmt::format("cannot {} {}:{}", what, address, port), ec);
    };
    const auto passed = passed_socket();
    if (!passed) return std::unexpected(passed.error());
    if (*passed) {
        if (acceptor.assign(endpoint.protocol(), **passed, ec)) return give_up("use the service manager's socket for");
        // Who needs a key was decided by the configured address.
        const auto bound = acceptor.local_endpoint(ec);
        if (ec || bound.address() != ip || (port != 0 && bound.port() != port)) {
            acceptor.close(ec);
            return fail(Code::invalid_argument,
                        fmt::format("the service manager has passed a socket of {}:{}, expected {}:{} (server.listen)",
                                    bound.address().to_string(), bound.port(), address, port));
        }
    } else {
        if (acceptor.open(endpoint.protocol(), ec)) return give_up("open a socket for");
        if (acceptor.set_option(tcp::acceptor::reuse_address(true), ec)) return give_up("set up");
        if (acceptor.bind(endpoint, ec)) return give_up("bind");
        if (acceptor.listen(asio::socket_base::max_listen_connections, ec)) return give_up("listen on");
    }
    if (acceptor.set_option(tcp::no_delay(true), ec)) return give_up("set up");  // accepted sockets inherit it
    const auto bound = acceptor.local_endpoint(ec).port();
    state_->tasks.spawn("accept loop", state_->accept_loop());
    return bound;
}

asio::awaitable<void> HttpServer::drain(std::chrono::milliseconds budget) {
    const auto state = state_;
    state->draining = true;
    error_code ignored;
    state->acceptor.close(ignored);
    for (auto* connection : state->connections) {
        if (connection->idle())
            connection->close();
        else
            connection->close_after_this();
    }
    if (co_await state->tasks.join(budget)) {
        if (state->tls) co_await state->tls->stop();
        co_return;
    }
    spdlog::warn("{} connections did not end in time and are cut", state->connections.size());
    state->tasks.cancel_all();
    (void)co_await state->tasks.join(std::chrono::seconds(1));
    if (state->tls) co_await state->tls->stop();
}

std::size_t HttpServer::connections() const { return state_->connections.size(); }

}  // namespace sarai::net
