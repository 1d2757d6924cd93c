// Connection: what clients send.
#include <fmt/format.h>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include "base/utf8.hpp"
#include "net/connection.hpp"
#include "net/quiet.hpp"

namespace sarai::net {
namespace {

using boost::system::error_code;

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

}  // namespace

asio::awaitable<Result<void>> Connection::read_request() {
    parser_.emplace();
    release_body();
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
                if (!ec)
                    if (auto readable = check_coding(); !readable) co_return readable;
                if (!ec && begins_upload()) co_return Result<void>{};
                const auto most = static_cast<std::uint64_t>(limits_.max_body.count);
                if (!ec && parser_->content_length().value_or(0) > most) co_return refuse_read(http::error::body_limit);
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

asio::awaitable<Result<std::string>> Connection::read_body() {
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
                if (crawls()) co_return refuse({.code = Code::slow_request, .message = "the body arrives too slowly"});
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

// RFC 9110, 8.4 and 15.5.16.
Result<void> Connection::check_coding() {
    const std::string_view coding = parser_->get()[http::field::content_encoding];
    if (coding.empty() || boost::beast::iequals(coding, "identity")) return {};
    add_header("Accept-Encoding", "identity");
    return refuse({.code = Code::unsupported_media,
                   .message = fmt::format("Content-Encoding is \"{}\"; expected a body that is not compressed",
                                          valid_utf8(coding.substr(0, 100))),
                   .field = "Content-Encoding"});
}

Result<void> Connection::hold_body() {
    const Bytes now{static_cast<std::int64_t>(parser_->get().body().size())};
    if (now == held_) return {};
    bodies_.held += now - std::exchange(held_, now);
    if (now <= small_body()) return {};
    Result<void> taken;
    if (bodies_.held > std::max(limits_.all_bodies, limits_.max_body))
        taken = fail(Code::busy,
                     fmt::format("the requests in flight are larger than {} together", to_string(limits_.all_bodies)),
                     "Try again when others have been answered.");
    else
        taken = count_bodies();
    if (taken) return {};
    // It goes at once: others must not be refused for the sake of one that was.
    std::string().swap(parser_->get().body());
    release_body();
    keep_alive_ = false;
    return taken;
}

Result<void> Connection::hold_more(Bytes bytes) {
    beside_ += bytes;
    bodies_.beside += bytes;
    auto taken = count_bodies();
    if (taken) return {};
    beside_ -= bytes;
    bodies_.beside -= bytes;
    return taken;
}

void Connection::release_body() {
    if (held_ == Bytes{} && beside_ == Bytes{}) return;
    bodies_.held -= std::exchange(held_, Bytes{});
    bodies_.beside -= std::exchange(beside_, Bytes{});
    (void)count_bodies();
}

bool Connection::begins_upload() {
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

void Connection::find_path() {
    std::string_view target = request().target();
    // "http://host/path" is what clients send to a proxy and may send to anybody (RFC 9112, 3.2.2).
    const bool absolute = target.starts_with("http://") || target.starts_with("https://");
    if (absolute) target.remove_prefix(std::min(target.find_first_of("/?", target.find("://") + 3), target.size()));
    const auto mark = target.find('?');
    path_ = target.substr(0, mark);
    query_ = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    if (path_.empty()) path_ = "/";
}

std::unexpected<Error> Connection::refuse_read(error_code ec) {
    keep_alive_ = false;
    if (ec == http::error::end_of_stream || ec == asio::error::connection_reset || ec == http::error::partial_message ||
        ec == asio::error::eof)
        return fail(Code::cancelled, "the client left");
    if (ec == http::error::body_limit)
        return fail(Code::too_large, fmt::format("the request body is larger than {}", to_string(limits_.max_body)),
                    "Raise server.max_request_body to allow it.");
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
        return fail(Code::too_large, fmt::format("the request head is larger than {}", to_string(limits_.max_head)));
    if (ec == asio::error::operation_aborted)
        return fail(Code::slow_request,
                    fmt::format("the request did not arrive within {} s", limits_.request.count() / 1000));
    return fail(Code::invalid_argument, fmt::format("this is not an HTTP/1.1 request: {}", ec.message()));
}

asio::awaitable<Result<void>> Connection::send_go_on() {
    if (request()[http::field::expect] != "100-continue") co_return Result<void>{};
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    std::array parts{asio::const_buffer(asio::buffer(go_on))};
    co_return co_await send(parts);
}

}  // namespace sarai::net
