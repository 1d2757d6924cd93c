// An HTTP/1.1 server: accepts, parses within limits, hands each request to one handler, and drains on demand.
//
// It belongs to one io thread. Each connection is a coroutine of the server's task group; the handler runs inside it
// and answers through the Exchange. A handler that takes long runs its work in Exchange::while_connected(), so that a
// client that goes away in the middle cancels it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "net/tls_front.hpp"

namespace sarai::net {

namespace asio = boost::asio;
namespace http = boost::beast::http;

class Exchange;

struct ServerLimits {
    Bytes max_body = MiB(64);
    Bytes all_bodies =
        MiB(128);  // of all requests in flight, at least max_body; one that goes beyond is refused as busy
    // Told how many bytes of bodies are held, with what handlers hold beside them (Exchange::hold_more), whenever it
    // changes by more than small ones; an error refuses the body that they grew for, and is none where they shrink.
    // Empty: nobody counts them.
    std::function<Result<void>(Bytes)> count_bodies = {};
    Bytes max_head = KiB(64);
    std::chrono::milliseconds request{10'000};  // from the first byte of a request to its last
    std::chrono::milliseconds idle{75'000};     // between two requests on one connection
    // A client that takes nothing for so long of what is written for it is dropped, and one that takes long beyond it
    // for fewer bytes a second: a worker may wait for it.
    std::chrono::milliseconds write_stall{60'000};
    Bytes least_taken = KiB(64);
    // Beyond it the connection that is idle for longest is closed, then the one whose request is arriving for longest.
    std::size_t max_connections = 1024;
    // Asked when a request's head is there and its body is not yet, unless that is small: may it come in? An error is
    // the answer, and the rest is not read. Empty: everybody may.
    std::function<Result<void>(Exchange&)> admit = {};
    // Requests whose handler reads the body itself, in pieces and of any length; empty: none.
    std::function<bool(std::string_view method, std::string_view path)> streams_body = {};
    std::chrono::milliseconds body_stall{30'000};  // between two pieces of such a body
    Bytes least_rate = KiB(4);                     // of it per second, once it has taken a minute
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::string body = {};
    HeaderList headers = {};
};

// One request and its answer. Either respond() once, or start() once, write() any number of times and finish() once.
class Exchange {
public:
    virtual ~Exchange() = default;

    [[nodiscard]] virtual const http::request<http::string_body>& request() const = 0;
    [[nodiscard]] virtual std::string_view path() const = 0;   // without the query
    [[nodiscard]] virtual std::string_view query() const = 0;  // without "?"
    [[nodiscard]] virtual std::string peer() const = 0;        // address, for logs

    // The next piece of a body that is streamed (ServerLimits::streams_body); empty at its end.
    // Errors: cancelled (the client left), slow_request, invalid_argument.
    [[nodiscard]] virtual asio::awaitable<Result<std::string>> read_body() = 0;
    // The body, for a handler that knows when it needs it no longer: request() has none from here on. Its bytes count
    // among those of all requests (ServerLimits::all_bodies) until let_go_of_body(), or the request's end.
    [[nodiscard]] virtual std::string take_body() = 0;
    virtual void let_go_of_body() = 0;
    // More is held for this request, as if its body were so much larger, until it ends. Errors: those of
    // ServerLimits::count_bodies; then it is not counted.
    [[nodiscard]] virtual Result<void> hold_more(Bytes bytes) = 0;
    // A header that this request's answer gets as well, whoever gives it.
    virtual void add_header(std::string name, std::string value) = 0;
    virtual asio::awaitable<Result<void>> respond(Reply reply) = 0;
    // Prepares a chunked answer. Its head leaves together with the first bytes written, or by write(""); until then
    // another head may be prepared, or respond() answer in its place.
    virtual void start(int status, std::string_view content_type, const HeaderList& headers) = 0;
    virtual asio::awaitable<Result<void>> write(std::string_view bytes) = 0;
    // Ends a chunked answer, with some last bytes in the same packet.
    virtual asio::awaitable<Result<void>> finish(std::string_view last_bytes = {}) = 0;
    // Ends the connection without a proper end of the body: a client must not take what it has for the whole.
    virtual void abort() = 0;

    [[nodiscard]] virtual bool started() const = 0;  // has anything been sent
    [[nodiscard]] virtual int status() const = 0;    // 0 before
    // Runs `work` and cancels what it waits for when the client closes its connection. True: the client left, and the
    // work may have ended anywhere. Throws what `work` throws.
    [[nodiscard]] virtual asio::awaitable<bool> while_connected(asio::awaitable<void> work) = 0;
    // Ends while_connected() as if the client had closed its connection: it takes nothing any more.
    virtual void give_up() = 0;
    // The server is ending, or has refused to read on: nothing follows on this connection.
    [[nodiscard]] virtual bool ends() const = 0;
};

class HttpServer {
public:
    using Handler = std::function<asio::awaitable<void>(Exchange&)>;
    // What to answer to a request that never became one (bad head, too large, too slow). `target` may be empty.
    using Refuse = std::function<Reply(const Error& error, std::string_view target)>;

    // With `tls` it answers HTTPS and nothing else.
    HttpServer(asio::any_io_executor executor, ServerLimits limits, Handler handler, Refuse refuse,
               std::shared_ptr<TlsFront> tls = nullptr);
    ~HttpServer();

    // Binds and begins to accept. Returns the port (which the system chose where 0 was given).
    // Errors: io, with a hint for a port in use.
    [[nodiscard]] Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);

    // Stops accepting, closes idle connections, lets running requests end within `budget`, then cuts them.
    [[nodiscard]] asio::awaitable<void> drain(std::chrono::milliseconds budget);

    [[nodiscard]] std::size_t connections() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sarai::net
