// What a server answers to the client, over a real connection and cut anywhere: an answer or a plain failure, and the
// same wherever it was cut.
//
// options: -dict=fuzz/dictionaries/http.dict -max_len=4096
#include "net/http_client.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <string>

#include "net/task_group.hpp"
#include "protocols/upstream_error.hpp"
#include "support/check.hpp"
#include "support/input.hpp"
#include "support/outside.hpp"
#include "support/target.hpp"

namespace sarai::fuzz {
namespace {

using namespace std::chrono_literals;

// A server that sends what it is told to, for all inputs.
class Answering {
public:
    // All that there is to tell answers apart.
    std::string fetch(std::span<const std::string_view> pieces) {
        net::Client client(io_.get_executor(), {.transport = net::Origin::Transport::unix_socket, .socket = path_});
        std::string seen;
        net::TaskGroup tasks(io_.get_executor());
        tasks.spawn("fetch", ask(client, seen));
        io_.restart();  // it stopped when the last answer had ended
        io_.poll();
        {
            const auto connection = listener_.accept();
            require(connection.is_open(), "the client connects");
            std::string request;  // unread bytes would make of our end a reset
            (void)connection.receive(request);
            require(request.starts_with("POST /x HTTP/1.1\r\n"), "the client sends its request");
            for (const auto piece : pieces) {
                connection.send(piece);
                io_.poll();
            }
        }
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (seen.empty()) {
            require(std::chrono::steady_clock::now() < deadline, "the client ends after the server has closed");
            io_.run_one_for(100ms);
        }
        client.drop_idle();
        while (tasks.size() > 0) io_.run_one_for(100ms);
        while (listener_.accept().is_open()) io_.poll();  // one that the client made for its next request
        return seen;
    }

private:
    static net::asio::awaitable<void> ask(net::Client& client, std::string& seen) {
        const auto reply = co_await client.fetch({.method = net::http::verb::post, .target = "/x", .body = "{}"}, {});
        if (!reply) {
            require_plain(reply.error(), "the failure of a request");
            require(reply.error().code == Code::unavailable || reply.error().code == Code::upstream,
                    "a server that answers badly is to blame");
            seen = std::string(name_of(reply.error().code)) + ": " + reply.error().message;
            co_return;
        }
        const auto wait = reply->headers[net::http::field::retry_after];
        const auto error = protocols::error_of(
            {.status = reply->status, .body = reply->body, .model = "m", .retry_after = {wait.data(), wait.size()}});
        require_plain(error, "a server's failure");
        seen = fmt::format("{} {} {}", reply->status, error.message, reply->body);
    }

    boost::asio::io_context io_;
    PrivateFolder folder_;
    std::filesystem::path path_ = folder_.path() / "fuzz.sock";
    RawSocket listener_ = RawSocket::listen(path_);
};

}  // namespace
}  // namespace sarai::fuzz

FUZZ_TARGET(http_client) {
    using namespace sarai::fuzz;
    static Answering server;
    const auto stream = cut(Input(data, size));
    require(server.fetch(stream.pieces) == server.fetch(whole(stream)), "an answer does not depend on where it is cut");
    return 0;
}
