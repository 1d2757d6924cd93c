#include "net/connection.hpp"

#include <fmt/format.h>

#include <boost/asio/cancel_after.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/system/system_error.hpp>

#include "net/quiet.hpp"
#include "net/send_now.hpp"

namespace sarai::net {
namespace {

using boost::system::error_code;

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

}  // namespace

asio::awaitable<Result<void>> Connection::send(std::span<asio::const_buffer> buffers) {
    // After a part of something else it would be read as the rest of that.
    if (cut_off_) co_return fail(Code::cancelled, "the client left");
    const auto size = asio::buffer_size(buffers);
    // Mostly the kernel takes it at once; only what it does not take has to wait for the client.
    error_code ec;
    if (!send_now(socket_.native_handle(), buffers, ec) && !ec) ec = co_await send_rest(buffers);
    if (!ec) co_return Result<void>{};
    keep_alive_ = false;
    cut_off_ = ec != asio::error::operation_aborted || asio::buffer_size(buffers) < size;
    co_return fail(Code::cancelled, "the client left");
}

asio::awaitable<error_code> Connection::send_rest(std::span<asio::const_buffer> buffers) {
    const auto rest = static_cast<std::int64_t>(asio::buffer_size(buffers));
    const auto due = std::chrono::steady_clock::now() + limits_.write_stall +
                     std::chrono::seconds(rest / std::max<std::int64_t>(1, limits_.least_taken.count));
    error_code ec;
    while (!ec && asio::buffer_size(buffers) > 0) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - std::chrono::steady_clock::now());
        std::size_t sent = 0;
        std::tie(ec, sent) = co_await socket_.async_write_some(
            buffers, asio::cancel_after(write_timer_,
                                        std::clamp(left, std::chrono::milliseconds(1), limits_.write_stall), quiet));
        drop_front(buffers, sent);
    }
    co_return ec;
}

asio::awaitable<Result<void>> Connection::respond(Reply reply) {
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
    std::array parts{asio::const_buffer(head.data(), head.size()),
                     asio::const_buffer(reply.body.data(), head_only ? 0 : reply.body.size())};
    finished_ = true;
    co_return co_await send(parts);
}

void Connection::start(int status, std::string_view content_type, const HeaderList& headers) {
    finished_ = false;
    status_ = status;
    chunked_ = request().version() >= 11;
    if (!chunked_) keep_alive_ = false;
    pending_head_.clear();
    append_head(pending_head_, status, content_type, headers, keep_alive_);
    append_headers(pending_head_, added_);
    pending_head_ += chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
}

asio::awaitable<bool> Connection::while_connected(asio::awaitable<void> work) {
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

asio::awaitable<void> Connection::lingering_close() {
    error_code ignored;
    socket_.shutdown(ServerSocket::shutdown_send, ignored);
    std::array<char, 16384> waste;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (std::chrono::steady_clock::now() < deadline) {
        auto [ec, n] = co_await socket_.async_read_some(asio::buffer(waste),
                                                        asio::cancel_after(timer_, std::chrono::seconds(1), quiet));
        if (ec) break;
    }
    close();
}

void Connection::watch_departure() {
    if (departure_->waiting) return;
    departure_->waiting = true;
    socket_.async_wait(ServerSocket::wait_read, [this, departure = departure_](error_code ec) {
        departure->waiting = false;
        if (ec || departure->cancel == nullptr) return;  // else this connection is alive: it answers a request
        char byte = 0;
        const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return watch_departure();
        // A pipelined request: reading on is not possible before this answer has ended, so the departure can no
        // longer be seen here; a failing write will show it.
        if (got > 0) return;
        departure->take_place();
    });
}

asio::awaitable<Result<void>> Connection::write_chunk(std::string_view bytes, bool last) {
    if (request().method() == http::verb::head) {  // no byte of a body: the client would read it as its next answer
        started_ = true;
        const std::string head = std::exchange(pending_head_, {});
        std::array parts{asio::const_buffer(head.data(), head.size())};
        if (!head.empty()) co_return co_await send(parts);
        co_return Result<void>{};
    }
    if (!chunked_) {
        started_ = true;
        const std::string head = std::exchange(pending_head_, {});
        std::array parts{asio::const_buffer(head.data(), head.size()), asio::const_buffer(bytes.data(), bytes.size())};
        co_return co_await send(parts);
    }
    std::array<char, 20> size_line;
    std::size_t size_length = 0;
    if (!bytes.empty())
        size_length = static_cast<std::size_t>(
            fmt::format_to_n(size_line.data(), size_line.size(), "{:x}\r\n", bytes.size()).size);
    const std::string_view end = bytes.empty() ? (last ? "0\r\n\r\n" : "") : (last ? "\r\n0\r\n\r\n" : "\r\n");
    started_ = true;
    const std::string head = std::exchange(pending_head_, {});
    std::array parts{asio::const_buffer(head.data(), head.size()), asio::const_buffer(size_line.data(), size_length),
                     asio::const_buffer(bytes.data(), bytes.size()), asio::const_buffer(end.data(), end.size())};
    co_return co_await send(parts);
}

void Connection::abort() {
    keep_alive_ = false;
    error_code ignored;
    // Without lingering the peer sees a reset at once and cannot mistake the end for a proper one.
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

void Connection::close() {
    error_code ignored;
    socket_.shutdown(ServerSocket::shutdown_both, ignored);
    socket_.close(ignored);
}

}  // namespace sarai::net
