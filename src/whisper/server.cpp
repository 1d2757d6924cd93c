#include "server.hpp"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <mutex>
#include <thread>

#include <fmt/format.h>

namespace sarai::whisper {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
namespace hearing = protocols::hearing;
using Socket = asio::local::stream_protocol::socket;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// The longest piece as base64 (5.1 MB) and what is around it.
constexpr std::uint64_t most_body = std::uint64_t{8} << 20;

// sarai gives up a stream on which no event comes for its worker_budgets.silence (app/wiring.cpp); a window may take
// longer than that.
constexpr auto alive_every = 2s;

struct Desk {
    Ear ear;
    std::timed_mutex turn;  // of the ear
};

// Has the other side closed? Asked while the engine computes, so seldom.
class Watch {
public:
    explicit Watch(Socket& socket) : socket_(socket) {}
    bool left() {
        const auto now = Clock::now();
        if (left_ || now < next_) return left_;
        next_ = now + 20ms;
        char byte = 0;
        const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return left_ = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    }

private:
    Socket& socket_;
    Clock::time_point next_;
    bool left_ = false;
};

// An answer in chunks whose head leaves with the first bytes, so that an error before them has a status of its own.
class Stream {
public:
    explicit Stream(Socket& socket) : socket_(socket) {}
    [[nodiscard]] bool started() const { return started_; }
    [[nodiscard]] Clock::time_point written() const { return written_; }
    void write(std::string_view bytes) {
        written_ = Clock::now();
        auto out = fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
        if (!std::exchange(started_, true))
            out.insert(0, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        send(out);
    }
    void end() { send("0\r\n\r\n"); }

private:
    void send(std::string_view bytes) {
        boost::system::error_code gone;  // is seen by who watches
        asio::write(socket_, asio::buffer(bytes), gone);
    }
    Socket& socket_;
    Clock::time_point written_ = Clock::now();
    bool started_ = false;
};

void respond(Socket& socket, http::status status, const json::object& body) {
    http::response<http::string_body> reply(status, 11);
    reply.set(http::field::content_type, "application/json");
    reply.body() = json::serialize(body);
    reply.prepare_payload();
    boost::system::error_code gone;
    http::write(socket, reply, gone);
}

json::object error_body(const Error& error) {
    const bool theirs = error.code == Code::invalid_argument;
    return {{"error",
             {{"message", error.message},
              {"type", theirs ? "invalid_request_error" : "server_error"},
              {"param", error.field.empty() ? json::value(nullptr) : json::value(error.field)},
              {"code", name_of(error.code)}}}};
}

void hear(Socket& socket, Desk& desk, std::string body) {
    auto wish = hearing::decode_wish(body);
    std::string().swap(body);
    if (!wish) return respond(socket, http::status::bad_request, error_body(wish.error()));
    // Before anything is said to the client, which gets a status for it.
    if (auto known = desk.ear.knows(wish->language); !known)
        return respond(socket, http::status::bad_request, error_body(known.error()));
    Watch watch(socket);
    Stream stream(socket);
    std::string out;
    const auto write = [&] {
        stream.write(out);
        out.clear();
    };
    const auto left = [&] {
        if (watch.left()) return true;
        if (Clock::now() - stream.written() >= alive_every) {
            hearing::append_alive(out);
            write();
        }
        return false;
    };
    std::unique_lock turn(desk.turn, std::defer_lock);
    while (!turn.try_lock_for(100ms))
        if (left()) return;
    if (left()) return;
    const auto end = desk.ear.hear(
        *wish,
        [&](const hearing::Segment& segment) {
            hearing::append_segment(out, segment);
            write();
        },
        left);
    if (end) {
        hearing::append_end(out, *end);
    } else if (!stream.started()) {
        return respond(socket, http::status::internal_server_error, error_body(end.error()));
    } else {
        out = "data: " + json::serialize(error_body(end.error())) + "\n\n";
    }
    write();
    stream.end();
}

void serve_connection(Socket socket, Desk& desk) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(most_body);
        boost::system::error_code ended;
        http::read(socket, buffer, parser, ended);
        if (ended) return;
        auto request = parser.release();
        if (request.method() == http::verb::get && request.target() == "/health")
            respond(socket, http::status::ok, {{"status", "ok"}});
        else if (request.method() == http::verb::post && request.target() == "/v1/audio/transcriptions")
            hear(socket, desk, std::move(request.body()));
        else
            respond(socket, http::status::not_found,
                    error_body({.code = Code::not_found, .message = "no such endpoint"}));
    }
}

}  // namespace

Result<void> serve(Ear ear, const std::filesystem::path& socket) {
    Desk desk{.ear = std::move(ear), .turn = {}};
    asio::io_context io;
    asio::local::stream_protocol::acceptor acceptor(io);
    try {
        acceptor.open();
        acceptor.bind({socket.string()});
        acceptor.listen();
    } catch (const boost::system::system_error& error) {
        return fail(Code::io, fmt::format("cannot listen on {}: {}", socket.string(), error.code().message()));
    }
    for (;;) {
        auto connection = acceptor.accept();
        // The desk outlives them: this function does not return any more.
        std::thread([peer = std::move(connection), &desk]() mutable {
            try {
                serve_connection(std::move(peer), desk);
            } catch (const std::exception& error) { fmt::print(stderr, "a request failed: {}\n", error.what()); }
        }).detach();
    }
}

}  // namespace sarai::whisper
