// One connection of the HTTP server: reads requests one after the other, each within its limits, and is the Exchange of
// the one that is answered. Belongs to the server's strand; made and listed by HttpServer.
//
//     idle ──bytes──▶ arriving ──complete──▶ answering ──answered──▶ idle, or closed where either side wants that
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http_server.hpp"
#include "net/watchdog.hpp"

namespace sarai::net {

using ServerSocket = asio::generic::stream_protocol::socket;  // of TCP, or our side of what TLS brought

class Connection final : public Exchange {
public:
    // `cancel` ends what the connection's coroutine waits for.
    // Of all requests that the server holds.
    struct Bodies {
        Bytes held;
        Bytes beside;  // see hold_more()
    };
    Connection(ServerSocket socket, std::string peer, const ServerLimits& limits, Bodies& bodies,
               asio::cancellation_signal& cancel)
        : socket_(std::move(socket)),
          peer_(std::move(peer)),
          timer_(socket_.get_executor()),
          limits_(limits),
          bodies_(bodies),
          cancel_(cancel) {}
    ~Connection() override { release_body(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Reads one request. Code::cancelled: the connection ended quietly between two requests.
    asio::awaitable<Result<void>> read_request();

    const http::request<http::string_body>& request() const override {
        return head_of_upload_ ? *head_of_upload_ : parser_->get();
    }

    asio::awaitable<Result<std::string>> read_body() override;
    std::string take_body() override { return head_of_upload_ ? std::string() : std::move(parser_->get().body()); }
    void let_go_of_body() override { release_body(); }
    Result<void> hold_more(Bytes bytes) override;
    std::string_view path() const override { return path_; }
    std::string_view query() const override { return query_; }
    std::string peer() const override { return peer_; }
    void add_header(std::string name, std::string value) override {
        added_.emplace_back(std::move(name), std::move(value));
    }
    asio::awaitable<Result<void>> respond(Reply reply) override;
    void start(int status, std::string_view content_type, const HeaderList& headers) override;

    asio::awaitable<Result<void>> write(std::string_view bytes) override { return write_chunk(bytes, /*last=*/false); }
    asio::awaitable<Result<void>> finish(std::string_view last_bytes) override {
        finished_ = true;
        return write_chunk(last_bytes, /*last=*/true);
    }
    void abort() override;

    bool started() const override { return started_; }
    int status() const override { return status_; }

    asio::awaitable<bool> while_connected(asio::awaitable<void> work) override;
    void give_up() override { departure_->take_place(); }
    bool ends() const override { return closing_; }

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
        boost::system::error_code ignored;
        return socket_.available(ignored) > 0;
    }
    void close_after_this() {
        closing_ = true;
        keep_alive_ = false;
    }
    void close();
    // Sends our end, then reads what the client still sends for a moment: closing at once would reset the connection,
    // and the client would lose the answer that explains the refusal.
    asio::awaitable<void> lingering_close();

private:
    // What the wait for the client's departure shares with its Connection, which it may outlive.
    struct Departure {
        bool waiting = false;
        bool gone = false;
        asio::cancellation_signal* cancel = nullptr;  // while a request is answered

        void take_place() {
            if (cancel == nullptr) return;
            gone = true;
            cancel->emit(asio::cancellation_type::terminal);
        }
    };

    // Bounds what many large requests at once take from the models. (It is not planned for: mostly there are none.)
    Result<void> hold_body();
    Result<void> check_coding();
    [[nodiscard]] Result<void> count_bodies() const {
        return limits_.count_bodies ? limits_.count_bodies(bodies_.held + bodies_.beside) : Result<void>{};
    }

    // Of no weight beside what all together may have.
    void release_body();
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
    bool begins_upload();
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
    void find_path();
    std::unexpected<Error> refuse_read(boost::system::error_code ec);

    // Arms the wait that notices the client's departure, unless it still stands from an earlier request. It is not
    // cancelled when an answer has ended: the arrival of the next request ends it, which spares a turn of the event
    // loop per request.
    void watch_departure();
    asio::awaitable<Result<void>> send_go_on();

    // The buffers are cut to what is left.
    asio::awaitable<Result<void>> send(std::span<asio::const_buffer> buffers);
    asio::awaitable<boost::system::error_code> send_rest(std::span<asio::const_buffer> buffers);
    asio::awaitable<Result<void>> write_chunk(std::string_view bytes, bool last);

    ServerSocket socket_;
    std::string peer_;
    asio::steady_timer timer_;
    asio::steady_timer write_timer_{socket_.get_executor()};
    Watchdog watchdog_{socket_.get_executor(), [this] {
                           boost::system::error_code ignored;
                           socket_.cancel(ignored);
                       }};
    const ServerLimits& limits_;
    Bodies& bodies_;
    Bytes held_, beside_;  // of this request
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
    bool cut_off_ = false;  // a part of something was sent whose rest will not be
    bool keep_alive_ = false;
    bool closing_ = false;
    bool idle_ = false;
    bool chunked_ = true;  // false for HTTP/1.0, which knows no chunks: the connection's end is the body's
    std::chrono::steady_clock::time_point idle_since_;
    std::chrono::steady_clock::time_point arriving_since_ = never;
};

}  // namespace sarai::net
