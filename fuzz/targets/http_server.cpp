// What a client sends to the server, over a real connection and cut anywhere: the server answers each request with an
// answer of its own, refuses what is none, and always closes.
//
// options: -dict=fuzz/dictionaries/http.dict -max_len=4096
#include "net/http_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/beast/http/parser.hpp>

#include "support/check.hpp"
#include "support/input.hpp"
#include "support/outside.hpp"
#include "support/target.hpp"

namespace sarai::fuzz {
namespace {

using namespace std::chrono_literals;
namespace http = boost::beast::http;

// A server on a port of its own, for all inputs.
class Served {
public:
    Served() : port_(server_.listen("127.0.0.1", 0).value()) {}

    void serve(const Stream& stream) {
        heads_.clear();
        refused_ = false;
        const auto client = RawSocket::connect(port_);
        for (const auto piece : stream.pieces) {
            client.send(piece);
            io_.poll();
        }
        client.end_sending();
        std::string answer;
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (client.receive(answer)) {
            require(std::chrono::steady_clock::now() < deadline, "the server closes after the client has");
            if (io_.poll() == 0) io_.run_one_for(100ms);
        }
        while (server_.connections() > 0) io_.run_one_for(100ms);
        check_answers(answer);
    }

private:
    net::asio::awaitable<void> answer(net::Exchange& exchange) {
        const auto& request = exchange.request();
        require(!exchange.path().contains('?'), "a path has no query");
        heads_.push_back(request.method() == http::verb::head);
        if (exchange.path() == "/stream") {
            exchange.start(200, "text/plain", {{"x-query", std::string(exchange.query())}});
            (void)co_await exchange.write(request.body());
            (void)co_await exchange.finish();
        } else {
            // A header that quotes the client, as x-sarai-… do.
            net::Reply reply{.body = request.body(), .headers = {{"x-path", std::string(exchange.path())}}};
            (void)co_await exchange.respond(std::move(reply));
        }
    }

    net::Reply refuse(const Error& error) {
        require_plain(error, "the refusal of a request");
        refused_ = true;
        return {.status = http_status(error.code), .body = error.message};
    }

    void check_answers(std::string_view all) const {
        for (const bool head : heads_) {
            // A stream's answer to HEAD has a body here, and one to HTTP/1.0 ends with the connection.
            http::response_parser<http::string_body> parser;
            parser.eager(true);
            parser.skip(head);
            boost::system::error_code ec;
            const auto used = parser.put(net::asio::buffer(all.data(), all.size()), ec);
            require(!ec || ec == http::error::need_more, "an answer is HTTP");
            require(parser.is_header_done(), "an answer has a head");
            if (head || ec || parser.need_eof()) return;
            all.remove_prefix(used);
            if (parser.get().result_int() == 100) return;  // and the answer itself behind it
            require(parser.get().result_int() == 200, "a request is answered by its handler");
        }
        if (refused_) require(all.empty() || all.starts_with("HTTP/1.1 "), "a refusal is HTTP");
    }

    boost::asio::io_context io_;
    std::vector<bool> heads_;  // of the requests that arrived: is it HEAD
    bool refused_ = false;
    net::HttpServer server_{io_.get_executor(),
                            {.max_body = KiB(8), .all_bodies = KiB(8), .max_head = KiB(1), .request = 1s, .idle = 1s},
                            [this](net::Exchange& exchange) { return answer(exchange); },
                            [this](const Error& error, std::string_view /*target*/) { return refuse(error); }};
    std::uint16_t port_;
};

}  // namespace
}  // namespace sarai::fuzz

FUZZ_TARGET(http_server) {
    static sarai::fuzz::Served served;
    served.serve(sarai::fuzz::cut(sarai::fuzz::Input(data, size)));
    return 0;
}
