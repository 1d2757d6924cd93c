#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include "net/follow.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/task_group.hpp"
#include "net/url.hpp"
#include "support/temp_folder.hpp"

namespace sarai::net::http_test {
namespace {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;
using testing::HasSubstr;

asio::awaitable<void> pause(std::chrono::milliseconds duration) {
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}

// Until `holds()`. Whoever asks judges himself, so that a wait in vain is a failure and no hang.
asio::awaitable<void> pause_until(std::function<bool()> holds) {
    for (int tries = 0; tries < 5000 && !holds(); ++tries) co_await pause(1ms);
}

// A server on an ephemeral port and a client to it, on one io_context that runs until `body` returns.
class HttpTest : public testing::Test {
protected:
    void run(std::function<asio::awaitable<void>()> body) {
        server = std::make_unique<HttpServer>(
            io.get_executor(), limits, [this](Exchange& exchange) { return handler(exchange); },
            [](const Error& error, std::string_view) {
                return Reply{.status = http_status(error.code), .body = error.message};
            });
        const auto bound = server->listen("127.0.0.1", 0);
        ASSERT_TRUE(bound.has_value());
        port = *bound;
        client = std::make_unique<Client>(io.get_executor(), Origin{.host = "127.0.0.1", .port = std::to_string(port)});
        bool done = false;
        TaskGroup tasks(io.get_executor());
        const auto whole = [&]() -> asio::awaitable<void> {
            co_await body();
            client->drop_idle();
            co_await server->drain(1s);
            done = true;
        };
        tasks.spawn("test", whole());
        io.run_for(10s);
        EXPECT_TRUE(done);
    }

    asio::awaitable<std::string> raw(std::string bytes) {
        asio::ip::tcp::socket socket(io);
        co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
        co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
        std::string answer;
        (void)co_await asio::async_read(socket, asio::dynamic_buffer(answer), asio::as_tuple(asio::use_awaitable));
        co_return answer;
    }

    asio::io_context io;
    ServerLimits limits;
    std::function<asio::awaitable<void>(Exchange&)> handler = [](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.respond({.body = exchange.request().body()});
    };
    std::unique_ptr<HttpServer> server;
    std::unique_ptr<Client> client;
    std::uint16_t port = 0;
};

}  // namespace

TEST_F(HttpTest, ClientConnectsToTheAddressItWasGivenAndSpeaksAsTheHost) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.respond({.body = std::string(exchange.request()[http::field::host])});
    };
    run([&]() -> asio::awaitable<void> {
        // A name that no resolver knows (RFC 6761).
        Client other(io.get_executor(), {.host = "name.invalid", .port = std::to_string(port), .address = "127.0.0.1"});
        const auto answer = co_await other.fetch({}, {});
        EXPECT_TRUE(answer.has_value());
        EXPECT_EQ(answer ? answer->body : "", "name.invalid:" + std::to_string(port));
        Client wrong(io.get_executor(), {.host = "localhost", .port = std::to_string(port), .address = "nowhere"});
        const auto refused = co_await wrong.fetch({}, {});
        EXPECT_FALSE(refused.has_value());
    });
}

TEST_F(HttpTest, EchoesABodyAndReusesTheConnection) {
    run([this]() -> asio::awaitable<void> {
        for (int i = 0; i < 3; ++i) {
            const auto reply =
                co_await client->fetch({.method = http::verb::post, .target = "/x", .body = "héllo"}, {});
            EXPECT_TRUE(reply.has_value());
            EXPECT_EQ(reply->status, 200U);
            EXPECT_EQ(reply->body, "héllo");
            EXPECT_EQ(server->connections(), 1U);
        }
    });
}

namespace {

// Answers with the length of what it was sent, and how many pieces that took.
asio::awaitable<void> count_body(Exchange& exchange) {
    std::size_t bytes = 0;
    std::size_t pieces = 0;
    for (;;) {
        auto piece = co_await exchange.read_body();
        if (!piece) co_return (void) co_await exchange.respond({.status = http_status(piece.error().code)});
        if (piece->empty()) break;
        bytes += piece->size();
        ++pieces;
    }
    EXPECT_GE(pieces, (bytes + (1U << 17U) - 1) >> 17U);
    (void)co_await exchange.respond({.body = std::to_string(bytes)});
}

}  // namespace

TEST_F(HttpTest, ABodyThatIsStreamedMayBeOfAnyLength) {
    limits.max_body = KiB(4);
    limits.streams_body = [](std::string_view method, std::string_view path) {
        return method == "POST" && path == "/upload";
    };
    handler = count_body;
    run([this]() -> asio::awaitable<void> {
        for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{3'000'000}}) {
            const auto reply = co_await client->fetch(
                {.method = http::verb::post, .target = "/upload", .body = std::string(size, 'x')}, {});
            EXPECT_TRUE(reply.has_value());
            if (reply) { EXPECT_EQ(reply->body, std::to_string(size)); }
            EXPECT_EQ(server->connections(), 1U);  // and the connection goes on
        }
        // Others are as bounded as before.
        const auto refused =
            co_await client->fetch({.method = http::verb::post, .target = "/x", .body = std::string(5000, 'x')}, {});
        EXPECT_EQ(refused->status, 413U);
        EXPECT_THAT(co_await raw("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                                 "Connection: close\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
                    testing::EndsWith("\r\n\r\n7"));
    });
}

TEST_F(HttpTest, AnUploadThatIsRefusedOrEndsEarlyHurtsNobody) {
    limits.streams_body = [](std::string_view, std::string_view) { return true; };
    bool reads = false;
    handler = [&](Exchange& exchange) -> asio::awaitable<void> {
        if (reads) co_return co_await count_body(exchange);
        (void)co_await exchange.respond({.status = 403, .body = "no"});
    };
    run([&]() -> asio::awaitable<void> {
        const auto refused = co_await raw("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc");
        EXPECT_THAT(refused, HasSubstr("403"));
        EXPECT_THAT(refused, HasSubstr("Connection: close"));
        reads = true;
        asio::ip::tcp::socket socket(io);
        co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
        const std::string begun = "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc";
        co_await asio::async_write(socket, asio::buffer(begun), asio::use_awaitable);
        socket.close();
        const auto whole = co_await client->fetch({.method = http::verb::post, .target = "/", .body = "four"}, {});
        EXPECT_EQ(whole->body, "4");
    });
}

TEST_F(HttpTest, StreamsChunksAsTheyAreWritten) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        exchange.start(200, "text/event-stream", {{"x-test", "a\r\nevil: b"}});
        (void)co_await exchange.write("one");
        co_await pause(20ms);
        (void)co_await exchange.write("two");
        (void)co_await exchange.finish("three");
    };
    run([this]() -> asio::awaitable<void> {
        auto stream = co_await client->open({}, {});
        EXPECT_TRUE(stream.has_value());
        EXPECT_EQ((*stream)->headers()["x-test"], "a  evil: b");
        std::string all;
        std::string first;
        for (;;) {
            auto part = co_await (*stream)->read_some();
            EXPECT_TRUE(part.has_value());
            if (part->empty()) break;
            if (first.empty()) first = *part;
            all += *part;
        }
        EXPECT_EQ(first, "one");
        EXPECT_EQ(all, "onetwothree");
    });
}

// A server on a unix socket that ends each connection after one answer, as llama-server does after a stream.
TEST(HttpClientOnAUnixSocket, MakesTheNextConnectionBeforeItIsNeeded) {
    asio::io_context io;
    const test::TempFolder folder;
    const auto path = (folder.path() / "spare.sock").string();
    asio::local::stream_protocol::acceptor acceptor(io, asio::local::stream_protocol::endpoint(path));
    int accepted = 0;
    TaskGroup tasks(io.get_executor());
    const auto serve = [&]() -> asio::awaitable<void> {
        for (;;) {
            auto socket = co_await acceptor.async_accept(asio::use_awaitable);
            ++accepted;
            std::string request;
            (void)co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n",
                                                  asio::as_tuple(asio::use_awaitable));
            // Sent and closed at once, so that the client sees the end together with the answer.
            const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            asio::write(socket, asio::buffer(answer));
        }
    };
    tasks.spawn("server", serve());
    bool done = false;
    const auto ask = [&]() -> asio::awaitable<void> {
        Client client(
            io.get_executor(),
            Origin{.transport = Origin::Transport::unix_socket, .host = "localhost", .port = {}, .socket = path});
        for (int i = 1; i <= 3; ++i) {
            const auto reply = co_await client.fetch({}, {});
            EXPECT_TRUE(reply.has_value());
            EXPECT_EQ(reply ? reply->body : "", "ok");
            co_await pause_until([&] { return accepted > i; });
            EXPECT_EQ(accepted, i + 1);
        }
        done = true;
        tasks.cancel_all();
    };
    tasks.spawn("client", ask());
    io.run_for(10s);
    EXPECT_TRUE(done);
}

TEST_F(HttpTest, AnAnswerThatWasPreparedAndNotBegunCanStillBeAnother) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        exchange.start(200, "text/event-stream", {{"x-from", "first"}});
        EXPECT_FALSE(exchange.started());
        if (exchange.path() == "/again") {
            exchange.start(200, "text/plain", {{"x-from", "second"}});
            (void)co_await exchange.finish("late");
        } else if (exchange.path() == "/error") {
            (void)co_await exchange.respond({.status = 503, .body = "sorry"});
        }
        EXPECT_EQ(exchange.started(), exchange.path() != "/nothing");
    };
    run([this]() -> asio::awaitable<void> {
        const auto again = co_await client->fetch({.target = "/again"}, {});
        EXPECT_TRUE(again.has_value());
        EXPECT_EQ(again->headers["x-from"], "second");
        EXPECT_EQ(again->body, "late");
        const auto error = co_await client->fetch({.target = "/error"}, {});
        EXPECT_TRUE(error.has_value());
        EXPECT_EQ(error->status, 503U);
        EXPECT_EQ(error->body, "sorry");
        const auto nothing = co_await client->fetch({.target = "/nothing"}, {});
        EXPECT_TRUE(nothing.has_value());
        EXPECT_EQ(nothing->status, 500U);
        EXPECT_EQ(server->connections(), 1U) << "the connection is still good";
    });
}

// A peer that is written out by hand: what it sends, after the requests that it has read.
class HttpPeerTest : public HttpTest {
protected:
    using Socket = asio::ip::tcp::socket;
    void with_peer(std::function<asio::awaitable<void>(Socket&)> peer,
                   std::function<asio::awaitable<void>(Client&)> ask) {
        asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
        const auto serve = [&]() -> asio::awaitable<void> {
            for (;;) {
                auto socket = co_await acceptor.async_accept(asio::use_awaitable);
                ++accepted;
                co_await peer(socket);
            }
        };
        run([&, this]() -> asio::awaitable<void> {
            TaskGroup tasks(io.get_executor());
            tasks.spawn("peer", serve());
            Client to_peer(io.get_executor(),
                           Origin{.host = "127.0.0.1", .port = std::to_string(acceptor.local_endpoint().port())});
            co_await ask(to_peer);
            tasks.cancel_all();
            (void)co_await tasks.join(1s);
        });
    }
    static asio::awaitable<void> read_head(Socket& socket) {
        std::string request;
        co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
    }
    static asio::awaitable<void> send(Socket& socket, std::string bytes) {
        co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
    }
    int accepted = 0;
};

TEST_F(HttpPeerTest, AnInformationalHeadIsNotTheAnswer) {
    with_peer(
        [](Socket& socket) -> asio::awaitable<void> {
            for (const std::string body : {"A", "B"}) {
                co_await read_head(socket);
                co_await send(socket, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
                co_await pause(20ms);
                co_await send(socket,
                              "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + body);
            }
            co_await read_head(socket);
            for (int i = 0; i < 50; ++i) co_await send(socket, "HTTP/1.1 102 Processing\r\n\r\n");
            co_await pause(1s);
        },
        [this](Client& client) -> asio::awaitable<void> {
            for (const std::string body : {"A", "B"}) {
                const auto reply = co_await client.fetch({}, {});
                EXPECT_EQ(reply ? reply->body : describe(reply.error()), body);
                EXPECT_EQ(reply ? reply->status : 0, 200U);
            }
            EXPECT_EQ(accepted, 1) << "on one connection";
            const auto endless = co_await client.fetch({}, {});
            EXPECT_THAT(endless ? "" : endless.error().message, HasSubstr("informational heads alone"));
        });
}

TEST_F(HttpPeerTest, AnAnswerThatComesBeforeTheRequestWasReadIsTheAnswer) {
    with_peer(
        [](Socket& socket) -> asio::awaitable<void> {
            co_await read_head(socket);
            co_await send(socket, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig");
            // Closed with data unread: the kernel resets the connection.
        },
        [this](Client& client) -> asio::awaitable<void> {
            for (int i = 1; i <= 2; ++i) {
                const auto reply =
                    co_await client.fetch({.method = http::verb::post, .body = std::string(32 << 20, 'x')}, {});
                EXPECT_EQ(reply ? reply->status : 0, 413U) << (reply ? "" : describe(reply.error()));
                EXPECT_EQ(accepted, i) << "sent once, and the connection is not used again";
            }
        });
}

TEST_F(HttpTest, WhoReadsSlowlyGetsAllOfALargeReply) {
    limits.write_stall = 400ms;
    static constexpr std::size_t size = 8U << 20U;
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.respond({.body = std::string(size, 'x')});
    };
    run([this]() -> asio::awaitable<void> {
        asio::ip::tcp::socket socket(io);
        socket.open(asio::ip::tcp::v4());
        socket.set_option(asio::socket_base::receive_buffer_size(16384));
        co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
        co_await asio::async_write(socket,
                                   asio::buffer(std::string("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")),
                                   asio::use_awaitable);
        std::size_t got = 0;
        std::string piece(size / 20, '\0');
        for (;;) {
            auto [ec, count] =
                co_await asio::async_read(socket, asio::buffer(piece), asio::as_tuple(asio::use_awaitable));
            got += count;
            if (ec) break;
            co_await pause(50ms);  // a second in all
        }
        EXPECT_GT(got, size);
    });
}

TEST_F(HttpTest, NothingFollowsAPartOfSomethingElse) {
    bool ended = false;
    handler = [&ended](Exchange& exchange) -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        exchange.start(200, "text/plain", {});
        const std::string large(16U << 20U, 'x');
        (void)co_await (exchange.write(large) || pause(50ms));
        EXPECT_FALSE((co_await exchange.finish("the end")).has_value());
        ended = true;
    };
    run([&, this]() -> asio::awaitable<void> {
        asio::ip::tcp::socket socket(io);
        co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
        co_await asio::async_write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
                                   asio::use_awaitable);
        co_await pause_until([&] { return ended; });
        std::string answer;
        (void)co_await asio::async_read(socket, asio::dynamic_buffer(answer), asio::as_tuple(asio::use_awaitable));
        EXPECT_THAT(answer, testing::EndsWith("x"));
        EXPECT_THAT(answer, testing::Not(HasSubstr("the end")));
    });
}

TEST_F(HttpTest, AHeadThatComesByteByByteHasNoMoreTimeThanOneThatDoesNotCome) {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    const auto drip = [&]() -> asio::awaitable<void> {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        const std::string head = "HTTP/1.1 200 OK\r\nX-Endless: " + std::string(1000, 'x');
        for (const char byte : head) {
            auto [ec, n] =
                co_await asio::async_write(socket, asio::buffer(&byte, 1), asio::as_tuple(asio::use_awaitable));
            if (ec) co_return;
            co_await pause(10ms);
        }
    };
    run([&, this]() -> asio::awaitable<void> {
        TaskGroup tasks(io.get_executor());
        tasks.spawn("drip", drip());
        Client slow(io.get_executor(),
                    Origin{.host = "127.0.0.1", .port = std::to_string(acceptor.local_endpoint().port())});
        const auto reply = co_await slow.fetch({}, Budgets{.first_byte = 100ms, .silence = 100ms});
        EXPECT_FALSE(reply.has_value());
        EXPECT_EQ(reply.error().code, Code::timeout);
        EXPECT_THAT(reply.error().message, HasSubstr("sent no answer within 100 ms"));
        tasks.cancel_all();
        (void)co_await tasks.join(1s);
    });
}

TEST_F(HttpTest, AClientOfHttp10GetsNoChunksAndTheEndOfTheConnection) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        exchange.start(200, "text/plain", {});
        (void)co_await exchange.write("one");
        (void)co_await exchange.finish("two");
    };
    run([this]() -> asio::awaitable<void> {
        const auto answer = co_await raw("GET / HTTP/1.0\r\n\r\n");
        EXPECT_THAT(answer, testing::EndsWith("Connection: close\r\n\r\nonetwo"));
        EXPECT_THAT(answer, testing::Not(HasSubstr("chunked")));
    });
}

TEST_F(HttpTest, ABodyInACodingThatNobodyReadsIs415) {
    run([this]() -> asio::awaitable<void> {
        const auto post = [](std::string_view coding) {
            return fmt::format(
                "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: {}\r\n"
                "Content-Length: 3\r\n\r\nabc",
                coding);
        };
        const auto refused = co_await raw(post("gzip"));
        EXPECT_THAT(refused, testing::StartsWith("HTTP/1.1 415 "));
        EXPECT_THAT(refused, HasSubstr("Accept-Encoding: identity\r\n"));
        EXPECT_THAT(refused, HasSubstr("Content-Encoding is \"gzip\"; expected a body that is not compressed"));
        EXPECT_THAT(co_await raw(post("Identity")), testing::EndsWith("\r\n\r\nabc"));
    });
}

TEST_F(HttpTest, ATargetMayNameTheServer) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.respond({.body = std::string(exchange.path()) + "|" + std::string(exchange.query())});
    };
    run([this]() -> asio::awaitable<void> {
        const std::string end = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        EXPECT_THAT(co_await raw("GET http://a:1/v1/models?x=1" + end), testing::EndsWith("\r\n\r\n/v1/models|x=1"));
        EXPECT_THAT(co_await raw("GET http://a" + end), testing::EndsWith("\r\n\r\n/|"));
        EXPECT_THAT(co_await raw("GET http://a?u=/b" + end), testing::EndsWith("\r\n\r\n/|u=/b"));
    });
}

TEST_F(HttpTest, WhoOnlyKeepsAConnectionMakesRoomForWhoWantsSomething) {
    limits.max_connections = 2;
    run([this]() -> asio::awaitable<void> {
        asio::ip::tcp::socket oldest(io);
        asio::ip::tcp::socket second(io);
        for (auto* socket : {&oldest, &second}) {
            co_await socket->async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
            co_await pause(20ms);
        }
        EXPECT_THAT(co_await raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), HasSubstr("200 OK"));
        char byte = 0;
        const auto [gone, none] =
            co_await oldest.async_read_some(asio::buffer(&byte, 1), asio::as_tuple(asio::use_awaitable));
        EXPECT_EQ(gone, asio::error::eof);
        EXPECT_EQ(none, 0U);
        co_await asio::async_write(second, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
                                   asio::use_awaitable);
        EXPECT_EQ(co_await second.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable), 1U);
    });
}

TEST_F(HttpTest, WhatAHandlerHoldsBesideIsCountedUntilTheRequestEnds) {
    limits.all_bodies = limits.max_body = MiB(1);  // which is about bodies alone
    std::vector<Bytes> told;
    limits.count_bodies = [&](Bytes held) -> Result<void> {
        told.push_back(held);
        if (held > MiB(9)) return fail(Code::no_memory, "there is no memory for a request so large");
        return {};
    };
    handler = [&](Exchange& exchange) -> asio::awaitable<void> {
        EXPECT_TRUE(exchange.hold_more(MiB(3)));
        EXPECT_TRUE(exchange.hold_more(MiB(4)));
        EXPECT_EQ(exchange.hold_more(MiB(5)).error().code, Code::no_memory);
        EXPECT_TRUE(exchange.hold_more(MiB(2))) << "what was refused is not counted";
        (void)co_await exchange.respond({});
    };
    run([&, this]() -> asio::awaitable<void> {
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ((co_await client->fetch({}, {}))->status, 200U);
            EXPECT_EQ(std::ranges::max(told, {}, &Bytes::count), MiB(12));
            client->drop_idle();
            co_await pause_until([&] { return told.back() == Bytes{}; });
            EXPECT_EQ(told.back(), Bytes{}) << "all of it is given back";
        }
    });
}

TEST_F(HttpTest, WhoCountsTheMemoryOfLargeRequestsMayRefuseThem) {
    limits.max_body = MiB(4);
    std::vector<Bytes> told;
    limits.count_bodies = [&](Bytes held) -> Result<void> {
        told.push_back(held);
        if (held > MiB(2)) return fail(Code::no_memory, "there is no memory for a request so large");
        return {};
    };
    run([&, this]() -> asio::awaitable<void> {
        const auto send = [&](std::size_t size) {
            return client->fetch({.method = http::verb::post, .target = "/", .body = std::string(size, 'x')}, {});
        };
        const auto small = co_await send(1000);
        EXPECT_EQ(small->status, 200U);
        for (const auto held : told) EXPECT_EQ(held, Bytes{}) << "not worth while";
        const auto fits = co_await send(1 << 20);
        EXPECT_EQ(fits->status, 200U);
        EXPECT_EQ(std::ranges::max(told, {}, &Bytes::count), MiB(1));
        const auto refused = co_await send(3 << 20);
        EXPECT_TRUE(refused.has_value());
        EXPECT_EQ(refused->status, 503U);
        EXPECT_THAT(refused->body, HasSubstr("no memory for a request so large"));
        client->drop_idle();
        EXPECT_EQ(told.back(), Bytes{}) << "it was given back";
    });
}

TEST_F(HttpTest, LargeRequestsInFlightAreBoundedTogether) {
    limits.all_bodies = limits.max_body = Bytes{100};
    bool held = false;
    int answered = 0;
    handler = [&](Exchange& exchange) -> asio::awaitable<void> {
        held = true;
        if (exchange.path() == "/slow") co_await pause_until([&] { return answered == 2; });
        (void)co_await exchange.respond({.body = std::to_string(exchange.request().body().size())});
    };
    run([&, this]() -> asio::awaitable<void> {
        const auto of = [](std::string target, std::size_t size) {
            return ClientRequest{
                .method = http::verb::post, .target = std::move(target), .body = std::string(size, 'x')};
        };
        Client other(io.get_executor(), client->origin());
        const auto after = [&]() -> asio::awaitable<Result<ClientResponse>> {
            co_await pause_until([&] { return held; });
            auto reply = co_await other.fetch(of("/quick", 60), {});
            ++answered;
            co_return reply;
        };
        Client bystander(io.get_executor(), client->origin());
        const auto meanwhile = [&]() -> asio::awaitable<Result<ClientResponse>> {
            co_await pause_until([&] { return held; });
            auto reply = co_await bystander.fetch({.target = "/quick"}, {});
            ++answered;
            co_return reply;
        };
        const auto [slow, refused, small] = co_await (client->fetch(of("/slow", 60), {}) && after() && meanwhile());
        EXPECT_TRUE(small.has_value() && small->status == 200) << "who sends nothing is not refused";
        bystander.drop_idle();
        EXPECT_TRUE(slow.has_value() && slow->body == "60");
        EXPECT_TRUE(refused.has_value());
        EXPECT_EQ(refused->status, 503U);
        EXPECT_THAT(refused->body, HasSubstr("larger than 100 B together"));
        const auto later = co_await other.fetch(of("/quick", 60), {});
        EXPECT_TRUE(later.has_value() && later->status == 200) << "what was answered is no longer counted";
        other.drop_idle();
    });
}

TEST_F(HttpTest, ABodyThatIsTakenCountsUntilItIsLetGo) {
    limits.all_bodies = limits.max_body = Bytes{100};
    bool held = false;
    bool answered = false;
    handler = [&](Exchange& exchange) -> asio::awaitable<void> {
        const auto body = exchange.take_body();
        if (exchange.path() == "/lets-go") exchange.let_go_of_body();
        if (exchange.path() != "/quick") {
            held = true;
            co_await pause_until([&] { return answered; });
        }
        (void)co_await exchange.respond({.body = fmt::format("{} {}", body.size(), exchange.request().body().size())});
    };
    run([&, this]() -> asio::awaitable<void> {
        const auto of = [](std::string target) {
            return ClientRequest{.method = http::verb::post, .target = std::move(target), .body = std::string(60, 'x')};
        };
        Client other(io.get_executor(), client->origin());
        const auto after = [&]() -> asio::awaitable<Result<ClientResponse>> {
            held = answered = false;
            co_await pause_until([&] { return held; });
            auto reply = co_await other.fetch(of("/quick"), {});
            answered = true;
            co_return reply;
        };
        const auto [kept, refused] = co_await (client->fetch(of("/keeps"), {}) && after());
        EXPECT_TRUE(kept.has_value() && kept->body == "60 0");
        EXPECT_TRUE(refused.has_value() && refused->status == 503);
        for (int i = 0; i < 3; ++i) {  // nor is it taken off twice
            const auto [gone, taken] = co_await (client->fetch(of("/lets-go"), {}) && after());
            EXPECT_TRUE(gone.has_value() && gone->body == "60 0");
            EXPECT_TRUE(taken.has_value() && taken->status == 200);
        }
        const auto [again, refused_again] = co_await (client->fetch(of("/keeps"), {}) && after());
        EXPECT_TRUE(again.has_value() && again->status == 200);
        EXPECT_TRUE(refused_again.has_value() && refused_again->status == 503);
        other.drop_idle();
    });
}

TEST_F(HttpTest, AClosedConnectionInTheMiddleIsUnavailableNotAnEnd) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        exchange.start(200, "text/plain", {});
        (void)co_await exchange.write("half");
        exchange.abort();
    };
    run([this]() -> asio::awaitable<void> {
        const auto reply = co_await client->fetch({}, {});
        EXPECT_FALSE(reply.has_value());
        EXPECT_EQ(reply.error().code, Code::unavailable);
    });
}

TEST_F(HttpTest, SilenceBeforeAndInsideABodyAreTimeoutsThatSayWhich) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        if (exchange.path() == "/late") co_await pause(500ms);
        exchange.start(200, "text/plain", {});
        (void)co_await exchange.write("half");
        co_await pause(500ms);
        (void)co_await exchange.finish();
    };
    run([this]() -> asio::awaitable<void> {
        const auto late = co_await client->fetch({.target = "/late"}, {.first_byte = 100ms});
        EXPECT_EQ(late.error().code, Code::timeout);
        EXPECT_THAT(late.error().message, HasSubstr("sent no answer within 100 ms"));
        const auto stalled = co_await client->fetch({.target = "/stall"}, {.first_byte = 5s, .silence = 100ms});
        EXPECT_EQ(stalled.error().code, Code::timeout);
        EXPECT_THAT(stalled.error().message, HasSubstr("sent no data within 100 ms"));
    });
}

TEST_F(HttpTest, WhatWaitsForAServerThatHangsIsGivenUpWhereSomebodyElseCanAnswer) {
    int hanging = 0;
    handler = [&](Exchange& exchange) -> asio::awaitable<void> {
        if (exchange.request().target() == "/stall") {
            exchange.start(200, "text/plain", {});
            (void)co_await exchange.write("first");
        }
        if (exchange.request().target() == "/quick") co_return (void) co_await exchange.respond({});
        ++hanging;
        co_await pause(600ms);
        (void)co_await exchange.finish();
    };
    run([&]() -> asio::awaitable<void> {
        const Error why{.code = Code::unavailable, .message = "it hangs"};
        const auto soon = [&]() -> asio::awaitable<void> {
            while (hanging < 3) co_await pause(1ms);
            co_await pause(20ms);
            client->give_up(std::chrono::steady_clock::now() - 1h, why);  // since when none of them waits
            co_await pause(20ms);
            client->give_up(std::chrono::steady_clock::now(), why);
        };
        const auto ask = [&](std::string target, bool replaceable) {
            return client->fetch({.target = std::move(target), .replaceable = [replaceable] { return replaceable; }},
                                 {.first_byte = replaceable ? 5s : 300ms, .silence = 5s});
        };
        (void)co_await client->fetch({.target = "/quick"}, {});  // of the next one the connection is a kept one
        TaskGroup tasks(io.get_executor());
        tasks.spawn("give up", soon());
        const auto [late, stalled, only] = co_await (ask("/late", true) && ask("/stall", true) && ask("/late", false));
        EXPECT_THAT(late.error().message, "it hangs");
        EXPECT_THAT(stalled.error().message, "it hangs");
        EXPECT_EQ(late.error().code, Code::unavailable);
        EXPECT_THAT(only.error().message, HasSubstr("sent no answer within 300 ms"));
        client->give_up(std::chrono::steady_clock::now(), why);  // there is none left
        EXPECT_EQ(hanging, 3) << "what was given up is not sent again";
    });
}

TEST_F(HttpTest, RefusesWhatIsNoRequestTooLargeOrTooSlowWithItsOwnStatus) {
    limits.max_body = Bytes{10};
    limits.request = 200ms;
    run([this]() -> asio::awaitable<void> {
        EXPECT_THAT(co_await raw("nonsense\r\n\r\n"), HasSubstr("HTTP/1.1 400"));
        EXPECT_THAT(co_await raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901"),
                    HasSubstr("HTTP/1.1 413"));
        EXPECT_THAT(co_await raw("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n"),
                    HasSubstr("HTTP/1.1 413"));
        EXPECT_THAT(co_await raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1"),
                    HasSubstr("HTTP/1.1 408"));
        const auto fine = co_await client->fetch({.method = http::verb::post, .body = "ok"}, {});
        EXPECT_EQ(fine->body, "ok");
    });
}

TEST_F(HttpTest, RefusesABadRequestThatFollowsAGoodOneOnTheSameConnection) {
    run([this]() -> asio::awaitable<void> {
        const auto both = co_await raw("GET /first HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n");
        EXPECT_THAT(both, testing::StartsWith("HTTP/1.1 200"));
        EXPECT_THAT(both, HasSubstr("HTTP/1.1 400"));
    });
}

TEST_F(HttpTest, AHandlerLearnsThatItsClientHasGone) {
    bool noticed = false;
    handler = [&noticed](Exchange& exchange) -> asio::awaitable<void> {
        exchange.start(200, "text/plain", {});
        (void)co_await exchange.write("x");
        noticed = co_await exchange.while_connected(pause(5s));
    };
    run([&]() -> asio::awaitable<void> {
        {
            auto stream = co_await client->open({}, {});
            EXPECT_TRUE(stream.has_value());
        }
        co_await pause_until([&] { return noticed; });
        EXPECT_TRUE(noticed);
    });
}

TEST_F(HttpTest, AHandlerLearnsThatItsClientHasGoneInALaterRequestOfTheConnection) {
    int noticed = 0;
    handler = [&noticed](Exchange& exchange) -> asio::awaitable<void> {
        const bool gone = co_await exchange.while_connected(pause(exchange.path() == "/long" ? 5s : 1ms));
        noticed += gone ? 1 : 0;
        if (!gone) (void)co_await exchange.respond({.body = "fine"});
    };
    run([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 2; ++i) EXPECT_EQ((co_await client->fetch({}, {}))->body, "fine");
        EXPECT_EQ(server->connections(), 1U);
        auto dropped = co_await (client->fetch({.target = "/long"}, {}) || pause(20ms));
        EXPECT_EQ(dropped.index(), 1U);
        co_await pause_until([&] { return noticed == 1 && server->connections() == 0; });
        EXPECT_EQ(noticed, 1);
        EXPECT_EQ(server->connections(), 0U);
    });
}

TEST_F(HttpTest, ANextRequestThatComesEarlyIsNoDeparture) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        EXPECT_FALSE(co_await exchange.while_connected(pause(30ms)));
        (void)co_await exchange.respond({.body = std::string(exchange.path())});
    };
    run([this]() -> asio::awaitable<void> {
        asio::ip::tcp::socket socket(io);
        co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
        for (const std::string path : {"/one", "/two", "/end"}) {
            const auto request = "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
            co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
            co_await pause(5ms);
        }
        std::string answer;
        co_await asio::async_read_until(socket, asio::dynamic_buffer(answer), "/end", asio::use_awaitable);
        EXPECT_THAT(answer, HasSubstr("/one"));
        EXPECT_THAT(answer, HasSubstr("/two"));
    });
}

TEST_F(HttpTest, ReadsARequestThatComesInPiecesAndSaysGoOnOnce) {
    run([this]() -> asio::awaitable<void> {
        asio::ip::tcp::socket socket(io);
        co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
        for (const std::string piece :
             {"POST / HTT", "P/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r", "\n", "abc",
              "def"}) {
            co_await asio::async_write(socket, asio::buffer(piece), asio::use_awaitable);
            co_await pause(5ms);
        }
        std::string answer;
        co_await asio::async_read_until(socket, asio::dynamic_buffer(answer), "abcdef", asio::use_awaitable);
        EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
    });
}

TEST_F(HttpTest, DrainLetsARunningRequestEndAndTakesNoNewOne) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        co_await pause(100ms);
        (void)co_await exchange.respond({.body = "late"});
    };
    run([this]() -> asio::awaitable<void> {
        auto both = co_await (client->fetch({}, {}) && [this]() -> asio::awaitable<void> {
            co_await pause(20ms);
            co_await server->drain(2s);
        }());
        EXPECT_EQ(both->body, "late");
        const auto refused = co_await client->fetch({}, {});
        EXPECT_EQ(refused.error().code, Code::unavailable);
    });
}

TEST_F(HttpTest, AnAnswerToHeadHasALengthAndNoBody) {
    handler = [](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.respond({.body = "twelve bytes"});
    };
    run([this]() -> asio::awaitable<void> {
        for (int i = 0; i < 2; ++i) {
            const auto reply = co_await client->fetch({.method = http::verb::head}, {});
            EXPECT_TRUE(reply.has_value()) << reply.error().message;
            EXPECT_EQ(reply->headers[http::field::content_length], "12");
            EXPECT_EQ(reply->body, "");
        }
        EXPECT_EQ(server->connections(), 1U) << "the connection is still good";
    });
}

TEST_F(HttpTest, FollowsRedirectsAndKeepsTheKeyForWhoItIsOf) {
    handler = [this](Exchange& exchange) -> asio::awaitable<void> {
        const auto key = exchange.request()[http::field::authorization];
        const auto elsewhere = "http://localhost:" + std::to_string(port) + "/end?a=%20b#part";
        if (exchange.path() == "/first")
            (void)co_await exchange.respond({.status = 307, .headers = {{"Location", "sub/second"}}});
        else if (exchange.path() == "/sub/second")
            (void)co_await exchange.respond({.status = 302, .body = "away", .headers = {{"Location", elsewhere}}});
        else
            (void)co_await exchange.respond(
                {.body = std::string(exchange.path()) + "?" + std::string(exchange.query()) + "|" + std::string(key)});
    };
    run([this]() -> asio::awaitable<void> {
        const auto base = "http://127.0.0.1:" + std::to_string(port);
        for (const auto& [from, expected] : {std::pair("/first", "/end?a=%20b|"), std::pair("/x", "/x?|Bearer k")}) {
            auto followed = co_await open_url(base + from, {.headers = {{"Authorization", "Bearer k"}}}, {});
            EXPECT_TRUE(followed.has_value()) << followed.error().message;
            const auto body = co_await followed->body->read_some();
            EXPECT_EQ(*body, expected);
        }
        const auto none = co_await open_url("unix:/run/x.sock", {}, {});
        EXPECT_EQ(none.error().code, Code::invalid_argument);
    });
}

TEST(Url, IsSplitIntoServerAndTarget) {
    const auto url = parse_url("https://x.example/a%20b/c?d=e/f#part");
    ASSERT_TRUE(url.has_value());
    EXPECT_EQ(url->origin.name(), "x.example:443");
    EXPECT_EQ(url->origin.transport, Origin::Transport::tls);
    EXPECT_EQ(url->target, "/a%20b/c?d=e/f");
    EXPECT_EQ(parse_url("http://[::1]:80")->target, "/");
    EXPECT_EQ(resolve_url("http://x/a/b?c", "../d").value(), "http://x/d");
    EXPECT_EQ(resolve_url("http://x/a/b?c", "//y/d?e").value(), "http://y/d?e");
    EXPECT_EQ(escape_path("a b/ü#?.gguf"), "a%20b/%C3%BC%23%3F.gguf");
    for (const char* bad : {"", "x", "unix:/x", "file:///x", "http://u:p@x/", "http://x/a b", "http:///x"})
        EXPECT_FALSE(parse_url(bad).has_value()) << bad;
}

TEST(Origin, ReadsUrlsAndNamesWhatIsWrongWithOthers) {
    const auto v1 = Origin::parse("http://lan-box:8000/v1/");
    ASSERT_TRUE(v1.has_value());
    EXPECT_EQ(v1->host, "lan-box");
    EXPECT_EQ(v1->port, "8000");
    EXPECT_EQ(v1->base, "/v1");
    EXPECT_EQ(Origin::parse("https://x")->port, "443");
    EXPECT_EQ(Origin::parse("http://[::1]:80")->name(), "[::1]:80");
    EXPECT_EQ(Origin::parse("unix:/tmp/a.sock")->socket, "/tmp/a.sock");
    for (const char* bad :
         {"", "lan-box:8000", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://u:p@x", "http://x?q"})
        EXPECT_EQ(Origin::parse(bad).error().code, Code::invalid_argument) << bad;
}

}  // namespace sarai::net::http_test
