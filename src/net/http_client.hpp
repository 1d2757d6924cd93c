// An HTTP/1.1 client to one server, over TCP, TLS or a unix socket, with idle connections kept for reuse.
//
// A Client belongs to one io thread and outlives the streams that it opened. Every wait has a budget of its own.
// A kept connection that the server had closed in the meantime is replaced once, silently, before any byte of an answer
// was seen. On a unix socket a connection that the server ends after its answer is replaced right away. Destroying a
// BodyStream before its end closes its connection, which is how a request is cancelled.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::net {

namespace asio = boost::asio;
namespace http = boost::beast::http;

// Where a server listens.
struct Origin {
    enum class Transport : std::uint8_t { tcp, tls, unix_socket };
    Transport transport = Transport::tcp;
    std::string host;                   // name or address, without brackets
    std::string port;                   // decimal
    std::filesystem::path socket = {};  // unix_socket only
    std::string base = {};              // path prefix without a trailing slash: "/v1"
    std::string bearer = {};            // sent with each request as "Authorization: Bearer"; empty: nothing
    // Connect here, an address, instead of asking a resolver for `host`; empty: ask. Requests and the certificate are
    // about `host` all the same. For who has checked an address and must not get another one.
    std::string address = {};

    // "http://host[:port][/base]", "https://…", "unix:/path.sock".
    [[nodiscard]] static Result<Origin> parse(std::string_view url);
    [[nodiscard]] std::string name() const;  // "host:port" or the socket's path
};

struct ClientRequest {
    http::verb method = http::verb::get;
    std::string target = "/";  // appended to the origin's base
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};  // sent with Content-Length; Content-Type defaults to application/json where there is a body
    std::function<bool()> replaceable = {};  // asked by Client::give_up(): can somebody else answer it? Empty: no
};

struct Budgets {
    std::chrono::milliseconds connect{2'000};
    std::chrono::milliseconds first_byte{120'000};  // request sent → status line
    std::chrono::milliseconds silence{30'000};      // between two reads of a body
};

struct ClientResponse {
    unsigned status = 0;
    http::fields headers;
    std::string body;
    std::chrono::microseconds round_trip{};  // of the connection, see BodyStream
};

class BodyStream {
public:
    virtual ~BodyStream() = default;
    [[nodiscard]] virtual unsigned status() const = 0;
    [[nodiscard]] virtual const http::fields& headers() const = 0;
    // The next bytes of the body, valid until the next call; empty at its proper end. A close before that is
    // Code::unavailable, silence Code::timeout.
    [[nodiscard]] virtual asio::awaitable<Result<std::string_view>> read_some() = 0;
    // True once the body's proper end has arrived: read_some() will not wait any more.
    [[nodiscard]] virtual bool complete() const = 0;
    // The connection's smoothed round trip as the kernel measures it (TCP_INFO); 0: not TCP.
    [[nodiscard]] virtual std::chrono::microseconds round_trip() const = 0;
    // Replaces Budgets::silence for the reads that follow, where the wait for the first token may be longer than the
    // silence after it.
    virtual void set_silence(std::chrono::milliseconds budget) = 0;
};

class Client {
public:
    Client(asio::any_io_executor executor, Origin origin);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    [[nodiscard]] const Origin& origin() const;

    // Sends and returns once the head of the answer has arrived, whatever its status.
    // Errors: unavailable (cannot connect, closed), timeout (says which budget), cancelled, upstream (not HTTP).
    [[nodiscard]] asio::awaitable<Result<std::unique_ptr<BodyStream>>> open(ClientRequest request, Budgets budgets);

    // The whole answer. `max_body`: longer ones are Code::upstream. `total`: budget for everything, 0: none.
    [[nodiscard]] asio::awaitable<Result<ClientResponse>> fetch(ClientRequest request, Budgets budgets,
                                                                Bytes max_body = MiB(64),
                                                                std::chrono::milliseconds total = {});

    // Ends those requests that have waited without a byte since before `since` and that somebody else can answer, each
    // with `why`: a server that hangs closes nothing, and what waits for its first token would wait on for minutes.
    void give_up(std::chrono::steady_clock::time_point since, const Error& why);

    // Closes the idle connections.
    void drop_idle();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sarai::net
