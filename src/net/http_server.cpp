#include "net/http_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/system/system_error.hpp>
#include <set>

#include "net/send_now.hpp"
#include "net/task_group.hpp"
#include "net/watchdog.hpp"

namespace sarai::net {
namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;
using Socket = asio::generic::stream_protocol::socket;  // of TCP, or our side of what TLS brought
constexpr auto quiet = asio::as_tuple(asio::use_awaitable);

// Holds a request with a dozen messages; a connection keeps a buffer of this size while it is idle.
constexpr std::size_t read_size = 8192;

std::chrono::milliseconds left_until(std::chrono::steady_clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds(1));
}

// Parses what has arrived. An error that is not just "more is needed".
template <class Parser>
error_code feed(Parser& parser, boost::beast::flat_buffer& buffer) {
    error_code ec;
    while (buffer.size() > 0 && !parser.is_done()) {
        const auto used = parser.put(buffer.data(), ec);
        buffer.consume(used);
        if (ec == http::error::need_more) return {};
        if (ec) return ec;
        if (used == 0 || (!parser.eager() && parser.is_header_done())) break;
    }
    return {};
}

void append_headers(std::string& out, const HeaderList& headers) {
    for (const auto& [name, value] : headers) {
        out.append(name).append(": ");
        // A value that came from outside must not be able to write headers of its own.
        for (const char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
        out.append("\r\n");
    }
}

void append_head(std::string& out, int status, std::string_view content_type, const HeaderList& headers,
                 bool keep_alive) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(status));
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", status, std::string_view(reason));
    if (!content_type.empty()) out.append("Content-Type: ").append(content_type).append("\r\n");
    append_headers(out, headers);
    if (!keep_alive) out.append("Connection: close\r\n");
}

class Connection final : public Exchange {
public:
    // `cancel` ends what the connection's coroutine waits for.
    // `bodies` are the bytes of all request bodies that the server holds.
    Connection(Socket socket, std::string peer, const ServerLimits& limits, Bytes& bodies,
               asio::cancellation_signal& cancel)
        : socket_(std::move(socket)),
          peer_(std::move(peer)),
          timer_(socket_.get_executor()),
          limits_(limits),
          bodies_(bodies),
          cancel_(cancel) {}
    ~Connection() override { bodies_ -= held_; }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Reads one request. Code::cancelled: the connection ended quietly between two requests.
    asio::awaitable<Result<void>> read_request() {
        parser_.emplace();
        bodies_ -= std::exchange(held_, Bytes{});
        parser_->body_limit(boost::none);  // set when it is known whether the body is streamed
        parser_->header_limit(static_cast<std::uint32_t>(limits_.max_head.count));
        // Up to the end of its head, where it may turn out to be one whose body is streamed.
        parser_->eager(false);
        upload_.reset();
        head_of_upload_.reset();
        started_ = false;
        pending_head_.clear();
        added_.clear();
        head_seen_ = false;
        path_ = query_ = {};  // they look into the request that goes now
        status_ = 0;
        bool expects_go_on = true;
        auto deadline = std::chrono::steady_clock::time_point::max();
        for (;;) {
            if (buffer_.size() > 0) {
                if (deadline == std::chrono::steady_clock::time_point::max()) {
                    arriving_since_ = std::chrono::steady_clock::now();
                    deadline = arriving_since_ + limits_.request;
                }
                const auto ec = feed(*parser_, buffer_);
                if (!head_seen_ && parser_->is_header_done()) {
                    head_seen_ = true;
                    find_path();
                    if (!ec && may_be_large() && limits_.admit)
                        if (auto admitted = limits_.admit(*this); !admitted) co_return refuse(admitted.error());
                    if (!ec && begins_upload()) co_return Result<void>{};
                    const auto most = static_cast<std::uint64_t>(limits_.max_body.count);
                    if (!ec && parser_->content_length().value_or(0) > most)
                        co_return refuse_read(http::error::body_limit);
                    parser_->body_limit(most);
                    parser_->eager(true);
                    if (!ec && buffer_.size() > 0) continue;
                }
                if (ec) co_return refuse_read(ec);
                if (auto held = hold_body(); !held) co_return held;
                if (parser_->is_done()) break;
                if (expects_go_on && parser_->is_header_done()) {
                    expects_go_on = false;
                    if (auto sent = co_await send_go_on(); !sent) co_return std::unexpected(sent.error());
                }
            }
            const bool was_idle = std::exchange(idle_, deadline == std::chrono::steady_clock::time_point::max());
            if (idle_ && !was_idle) idle_since_ = std::chrono::steady_clock::now();
            watchdog_.watch(idle_ ? limits_.idle : left_until(deadline));
            auto [ec, count] = co_await socket_.async_read_some(buffer_.prepare(read_size), quiet);
            watchdog_.release();
            if (ec && idle_) co_return fail(Code::cancelled, "idle");
            idle_ = false;
            if (ec) co_return refuse_read(ec);
            // Closed meanwhile, to make room or at the end: nobody is there to be answered.
            if (!socket_.is_open()) co_return fail(Code::cancelled, "closed");
            buffer_.commit(count);
        }
        keep_alive_ = parser_->get().keep_alive() && !closing_;
        arriving_since_ = never;
        co_return Result<void>{};
    }

    const http::request<http::string_body>& request() const override {
        return head_of_upload_ ? *head_of_upload_ : parser_->get();
    }

    asio::awaitable<Result<std::string>> read_body() override {
        if (!upload_) co_return std::string();
        auto& message = upload_->get();
        if (std::exchange(expects_go_on_, false))
            if (auto sent = co_await send_go_on(); !sent) co_return std::unexpected(sent.error());
        std::string piece(read_size * 8, '\0');
        while (!upload_->is_done()) {
            message.body().data = piece.data();
            message.body().size = piece.size();
            error_code ec;
            if (buffer_.size() > 0) {
                buffer_.consume(upload_->put(buffer_.data(), ec));
                if (ec == http::error::need_buffer || ec == http::error::need_more) ec = {};
                if (ec) co_return refuse_read(ec);
                if (const auto got = piece.size() - message.body().size; got > 0) {
                    uploaded_ += got;
                    if (crawls())
                        co_return refuse({.code = Code::slow_request, .message = "the body arrives too slowly"});
                    piece.resize(got);
                    note_end_of_upload();
                    co_return piece;
                }
                if (upload_->is_done()) break;
            }
            watchdog_.watch(limits_.body_stall);
            auto [failed, count] = co_await socket_.async_read_some(buffer_.prepare(piece.size()), quiet);
            watchdog_.release();
            if (failed) co_return refuse_read(failed);
            buffer_.commit(count);
        }
        note_end_of_upload();
        co_return std::string();
    }
    std::string_view path() const override { return path_; }
    std::string_view query() const override { return query_; }
    std::string peer() const override { return peer_; }
    void add_header(std::string name, std::string value) override {
        added_.emplace_back(std::move(name), std::move(value));
    }

    asio::awaitable<Result<void>> respond(Reply reply) override {
        started_ = true;
        pending_head_.clear();
        status_ = reply.status;
        std::string head;
        for (auto& header : added_) reply.headers.push_back(header);
        append_head(head, reply.status, reply.body.empty() ? std::string_view{} : reply.content_type, reply.headers,
                    keep_alive_);
        if (reply.status != 204) fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", reply.body.size());
        head += "\r\n";
        const bool head_only =
            parser_ && (head_of_upload_ || parser_->is_header_done()) && request().method() == http::verb::head;
        const std::array parts{asio::const_buffer(head.data(), head.size()),
                               asio::const_buffer(reply.body.data(), head_only ? 0 : reply.body.size())};
        finished_ = true;
        co_return co_await send(parts);
    }

    void start(int status, std::string_view content_type, const HeaderList& headers) override {
        finished_ = false;
        status_ = status;
        chunked_ = request().version() >= 11;
        if (!chunked_) keep_alive_ = false;
        pending_head_.clear();
        append_head(pending_head_, status, content_type, headers, keep_alive_);
        append_headers(pending_head_, added_);
        pending_head_ += chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
    }

    asio::awaitable<Result<void>> write(std::string_view bytes) override { return write_chunk(bytes, /*last=*/false); }
    asio::awaitable<Result<void>> finish(std::string_view last_bytes) override {
        finished_ = true;
        return write_chunk(last_bytes, /*last=*/true);
    }
    void abort() override {
        keep_alive_ = false;
        error_code ignored;
        // Without lingering the peer sees a reset at once and cannot mistake the end for a proper one.
        socket_.set_option(asio::socket_base::linger(true, 0), ignored);
        socket_.close(ignored);
    }

    bool started() const override { return started_; }
    int status() const override { return status_; }

    asio::awaitable<bool> while_connected(asio::awaitable<void> work) override {
        departure_->cancel = &cancel_;
        departure_->gone = false;
        // After what the work begins with: the request is to reach the worker first.
        asio::post(socket_.get_executor(), [this, departure = departure_] {
            if (departure->cancel != nullptr) watch_departure();
        });
        const struct Off {
            Departure& departure;
            ~Off() { departure.cancel = nullptr; }
        } off{*departure_};
        try {
            co_await std::move(work);
        } catch (const boost::system::system_error& error) {
            if (!departure_->gone || error.code() != asio::error::operation_aborted) throw;
        } catch (const asio::multiple_exceptions&) {  // of several that were cancelled together
            if (!departure_->gone) throw;
        }
        if (!departure_->gone) co_return false;
        // The cancellation was for the work; what follows may wait again.
        co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        co_return true;
    }

    // A body that was not read to its end.
    [[nodiscard]] bool has_unread_body() const { return upload_ && !upload_->is_done(); }
    [[nodiscard]] bool keep_alive() const { return keep_alive_ && finished_ && socket_.is_open(); }
    [[nodiscard]] bool idle() const { return idle_; }
    [[nodiscard]] std::chrono::steady_clock::time_point idle_since() const { return idle_since_; }
    // When the request began to arrive that is not complete yet; `never`: there is none.
    [[nodiscard]] std::chrono::steady_clock::time_point arriving_since() const { return arriving_since_; }
    static constexpr auto never = std::chrono::steady_clock::time_point::max();
    [[nodiscard]] bool open() const { return socket_.is_open(); }
    // Bytes that were not read yet.
    [[nodiscard]] bool has_sent() const {
        error_code ignored;
        return socket_.available(ignored) > 0;
    }
    void close_after_this() {
        closing_ = true;
        keep_alive_ = false;
    }
    void close() {
        error_code ignored;
        socket_.shutdown(Socket::shutdown_both, ignored);
        socket_.close(ignored);
    }
    // Sends our end, then reads what the client still sends for a moment: closing at once would reset the connection,
    // and the client would lose the answer that explains the refusal.
    asio::awaitable<void> lingering_close() {
        error_code ignored;
        socket_.shutdown(Socket::shutdown_send, ignored);
        std::array<char, 16384> waste;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
        while (std::chrono::steady_clock::now() < deadline) {
            auto [ec, n] = co_await socket_.async_read_some(asio::buffer(waste),
                                                            asio::cancel_after(timer_, std::chrono::seconds(1), quiet));
            if (ec) break;
        }
        close();
    }

private:
    // What the wait for the client's departure shares with its Connection, which it may outlive.
    struct Departure {
        bool waiting = false;
        bool gone = false;
        asio::cancellation_signal* cancel = nullptr;  // while a request is answered
    };

    // Bounds what many large requests at once take from the models. (It is not planned for: mostly there are none.)
    Result<void> hold_body() {
        const Bytes now{static_cast<std::int64_t>(parser_->get().body().size())};
        if (now == held_) return {};
        bodies_ += now - std::exchange(held_, now);
        if (now <= small_body() || bodies_ <= std::max(limits_.all_bodies, limits_.max_body)) return {};
        // It goes at once: others must not be refused for the sake of one that was.
        bodies_ -= std::exchange(held_, Bytes{});
        std::string().swap(parser_->get().body());
        keep_alive_ = false;
        return fail(Code::busy,
                    fmt::format("the requests in flight are larger than {} together", to_string(limits_.all_bodies)),
                    "Try again when others have been answered.");
    }

    // Of no weight beside what all together may have.
    [[nodiscard]] Bytes small_body() const { return std::min(KiB(64), Bytes{limits_.all_bodies.count / 16}); }
    // Those that are small may be read before it is known whose they are.
    [[nodiscard]] bool may_be_large() const {
        const auto length = parser_->content_length();
        return parser_->chunked() || (length && *length > static_cast<std::uint64_t>(small_body().count));
    }
    std::unexpected<Error> refuse(Error error) {
        keep_alive_ = false;
        return std::unexpected(std::move(error));
    }

    // From here on the handler reads.
    bool begins_upload() {
        if (!limits_.streams_body || !limits_.streams_body(parser_->get().method_string(), path_)) return false;
        const bool keeps = parser_->get().keep_alive() && !closing_;
        head_of_upload_.emplace(parser_->get().base());
        upload_.emplace(std::move(*parser_));
        upload_->body_limit(boost::none);
        upload_->eager(true);
        find_path();  // it looked into what was moved
        expects_go_on_ = true;
        uploaded_ = 0;
        keep_alive_ = false;  // until all of it was read
        keeps_after_upload_ = keeps;
        note_end_of_upload();
        return true;
    }
    [[nodiscard]] bool crawls() const {
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - arriving_since_)
                .count();
        return arriving_since_ != never && seconds > 60 && std::cmp_less(uploaded_, seconds * limits_.least_rate.count);
    }
    void note_end_of_upload() {
        if (!upload_->is_done()) return;
        arriving_since_ = never;
        keep_alive_ = keeps_after_upload_ && !closing_;
    }

    void find_path() {
        std::string_view target = request().target();
        // "http://host/path" is what clients send to a proxy and may send to anybody (RFC 9112, 3.2.2).
        const bool absolute = target.starts_with("http://") || target.starts_with("https://");
        if (absolute) target.remove_prefix(std::min(target.find_first_of("/?", target.find("://") + 3), target.size()));
        const auto mark = target.find('?');
        path_ = target.substr(0, mark);
        query_ = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
        if (path_.empty()) path_ = "/";
    }

    std::unexpected<Error> refuse_read(error_code ec) {
        keep_alive_ = false;
        if (ec == http::error::end_of_stream || ec == asio::error::connection_reset ||
            ec == http::error::partial_message || ec == asio::error::eof)
            return fail(Code::cancelled, "the client left");
        if (ec == http::error::body_limit)
            return fail(Code::too_large, fmt::format("the request body is larger than {}", to_string(limits_.max_body)),
                        "Raise server.max_request_body to allow it.");
        if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
            return fail(Code::too_large,
                        fmt::format("the request head is larger than {}", to_string(limits_.max_head)));
        if (ec == asio::error::operation_aborted)
            return fail(Code::slow_request,
                        fmt::format("the request did not arrive within {} s", limits_.request.count() / 1000));
        return fail(Code::invalid_argument, fmt::format("this is not an HTTP/1.1 request: {}", ec.message()));
    }

    // Arms the wait that notices the client's departure, unless it still stands from an earlier request. It is not
    // cancelled when an answer has ended: the arrival of the next request ends it, which spares a turn of the event
    // loop per request.
    void watch_departure() {
        if (departure_->waiting) return;
        departure_->waiting = true;
        socket_.async_wait(Socket::wait_read, [this, departure = departure_](error_code ec) {
            departure->waiting = false;
            if (ec || departure->cancel == nullptr) return;  // else this connection is alive: it answers a request
            char byte = 0;
            const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return watch_departure();
            // A pipelined request: reading on is not possible before this answer has ended, so the departure can no
            // longer be seen here; a failing write will show it.
            if (got > 0) return;
            departure->gone = true;
            departure->cancel->emit(asio::cancellation_type::terminal);
        });
    }

    asio::awaitable<Result<void>> send_go_on() {
        if (request()[http::field::expect] != "100-continue") co_return Result<void>{};
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_return co_await send(std::array{asio::const_buffer(asio::buffer(go_on))});
    }

    template <std::size_t Count>
    asio::awaitable<Result<void>> send(std::array<asio::const_buffer, Count> buffers) {
        // Mostly the kernel takes it at once; only what it does not take has to wait for the client.
        error_code ec;
        if (!send_now(socket_.native_handle(), buffers, ec) && !ec)
            std::tie(ec, std::ignore) = co_await asio::async_write(
                socket_, buffers, asio::cancel_after(write_timer_, limits_.write_stall, quiet));
        if (!ec) co_return Result<void>{};
        keep_alive_ = false;
        co_return fail(Code::cancelled, "the client left");
    }

    asio::awaitable<Result<void>> write_chunk(std::string_view bytes, bool last) {
        if (!chunked_) {
            started_ = true;
            const std::string head = std::exchange(pending_head_, {});
            co_return co_await send(std::array{asio::const_buffer(head.data(), head.size()),
                                               asio::const_buffer(bytes.data(), bytes.size())});
        }
        std::array<char, 20> size_line;
        std::size_t size_length = 0;
        if (!bytes.empty())
            size_length = static_cast<std::size_t>(
                fmt::format_to_n(size_line.data(), size_line.size(), "{:x}\r\n", bytes.size()).size);
        const std::string_view end = bytes.empty() ? (last ? "0\r\n\r\n" : "") : (last ? "\r\n0\r\n\r\n" : "\r\n");
        started_ = true;
        const std::string head = std::exchange(pending_head_, {});
        const std::array parts{
            asio::const_buffer(head.data(), head.size()), asio::const_buffer(size_line.data(), size_length),
            asio::const_buffer(bytes.data(), bytes.size()), asio::const_buffer(end.data(), end.size())};
        co_return co_await send(parts);
    }

    Socket socket_;
    std::string peer_;
    asio::steady_timer timer_;
    asio::steady_timer write_timer_{socket_.get_executor()};
    Watchdog watchdog_{socket_.get_executor(), [this] {
                           error_code ignored;
                           socket_.cancel(ignored);
                       }};
    const ServerLimits& limits_;
    Bytes& bodies_;
    Bytes held_;
    asio::cancellation_signal& cancel_;
    std::shared_ptr<Departure> departure_ = std::make_shared<Departure>();
    boost::beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    // In its place where the body is streamed.
    std::optional<http::request_parser<http::buffer_body>> upload_;
    std::optional<http::request<http::string_body>> head_of_upload_;
    std::size_t uploaded_ = 0;  // bytes of it
    bool expects_go_on_ = false;
    bool head_seen_ = false;
    bool keeps_after_upload_ = false;
    std::string_view path_;
    std::string_view query_;
    std::string pending_head_;
    HeaderList added_;
    int status_ = 0;
    bool started_ = false;
    bool finished_ = true;
    bool keep_alive_ = false;
    bool closing_ = false;
    bool idle_ = false;
    bool chunked_ = true;  // false for HTTP/1.0, which knows no chunks: the connection's end is the body's
    std::chrono::steady_clock::time_point idle_since_;
    std::chrono::steady_clock::time_point arriving_since_ = never;
};

}  // namespace

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
    Bytes bodies;  // held by all of them
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
                start(Socket(std::move(socket)), std::move(peer));
            }
        }
    }

    void start(Socket socket, std::string peer) {
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

    asio::awaitable<void> serve(Socket socket, std::string peer, asio::cancellation_signal& cancel) {
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
            co_await handler(connection);
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
    if (acceptor.open(endpoint.protocol(), ec)) return give_up("open a socket for");
    if (acceptor.set_option(tcp::acceptor::reuse_address(true), ec)) return give_up("set up");
    if (acceptor.set_option(tcp::no_delay(true), ec)) return give_up("set up");  // accepted sockets inherit it
    if (acceptor.bind(endpoint, ec)) return give_up("bind");
    if (acceptor.listen(asio::socket_base::max_listen_connections, ec)) return give_up("listen on");
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
