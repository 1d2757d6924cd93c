#include "media/fetcher.hpp"

#include "media_test.hpp"
#include "net/http_server.hpp"

namespace sarai::media::fetcher_test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

// A server of this machine, which is not public; and a resolver that says what a test wants it to.
class FetcherTest : public MediaTest {
protected:
    FetcherTest()
        : server(
              io.get_executor(), {}, [this](net::Exchange& exchange) { return answer(exchange); },
              [](const Error& error, std::string_view) { return net::Reply{.status = 400, .body = error.message}; }) {
        port = std::to_string(server.listen("127.0.0.1", 0).value());
        settings.allow = {"files.example"};
        names.insert({"files.example", "127.0.0.1"});
    }

    asio::awaitable<void> answer(net::Exchange& exchange) {
        const auto path = std::string(exchange.path());
        asked.push_back(std::string(exchange.request()["Host"]) + path);
        if (const auto found = redirects.find(path); found != redirects.end())
            (void)co_await exchange.respond({.status = 302, .headers = {{"Location", found->second}}});
        else if (path == "/page")
            (void)co_await exchange.respond({.content_type = "text/html; charset=utf-8", .body = "<html>"});
        else if (path == "/missing")
            (void)co_await exchange.respond({.status = 404, .body = "secret"});
        else
            (void)co_await exchange.respond({.content_type = "image/png", .body = std::string(1000, 'p')});
    }

    Result<Fetched> fetch(std::string url, FetchWish wish = {}) {
        Result<Fetched> got;
        run([&]() -> asio::awaitable<void> {
            const Fetcher fetcher(settings,
                                  [this](std::string host, auto) -> asio::awaitable<Result<std::vector<IpAddress>>> {
                                      std::vector<IpAddress> all;
                                      for (auto [from, to] = names.equal_range(host); from != to; ++from)
                                          all.push_back(IpAddress::parse(from->second).value());
                                      co_return all;
                                  });
            got = co_await fetcher.fetch(url, wish);
            co_await server.drain(0s);
        });
        return got;
    }
    std::string at(std::string_view host, std::string_view path) {
        return "http://" + std::string(host) + ":" + port + std::string(path);
    }

    net::HttpServer server;
    std::string port;
    config::Media settings;
    std::multimap<std::string, std::string> names;
    std::map<std::string, std::string> redirects;
    std::vector<std::string> asked;
};

TEST_F(FetcherTest, ConnectsToTheCheckedAddressAndSpeaksAsTheHost) {
    const auto got = fetch(at("files.example", "/a.png"), {.types = {"image/"}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->bytes.size(), 1000U);
    EXPECT_EQ(got->content_type, "image/png");
    EXPECT_EQ(asked, std::vector{"files.example:" + port + "/a.png"});
}

TEST_F(FetcherTest, RefusesEveryWayToThisMachine) {
    names.insert({"inner.example", "127.0.0.1"});
    names.insert({"mixed.example", "93.184.216.34"});
    names.insert({"mixed.example", "10.0.0.1"});
    for (const auto* host : {"127.0.0.1", "localhost", "api.localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",
                             "2130706433", "0x7f.1", "127.0.0.1.", "inner.example", "mixed.example"}) {
        const auto got = fetch(at(host, "/a.png"));
        ASSERT_FALSE(got) << host;
        EXPECT_EQ(got.error().code, Code::invalid_argument) << host;
        EXPECT_THAT(got.error().message, HasSubstr("cannot be fetched")) << host;
    }
    EXPECT_TRUE(asked.empty());
    EXPECT_THAT(fetch(at("inner.example", "/")).error().message, HasSubstr("127.0.0.1 (inner.example)"));
}

TEST_F(FetcherTest, RefusesARedirectToWhatIsNotPublicAndSaysWhichHop) {
    redirects["/a"] = "/b";
    redirects["/b"] = "http://169.254.169.254/latest/meta-data";
    const auto got = fetch(at("files.example", "/a"));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::invalid_argument);
    EXPECT_THAT(got.error().message,
                AllOf(HasSubstr("redirect 2"), HasSubstr("169.254.169.254"), HasSubstr("link-local")));
}

TEST_F(FetcherTest, FollowsARedirectThatIsAllowed) {
    redirects["/a"] = "/b";
    const auto got = fetch(at("files.example", "/a"));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->redirects, 1);
    EXPECT_THAT(got->url, HasSubstr("/b"));
}

TEST_F(FetcherTest, FollowsNoMoreRedirectsThanConfigured) {
    redirects["/a"] = "/a";
    const auto got = fetch(at("files.example", "/a"));
    ASSERT_FALSE(got);
    EXPECT_THAT(got.error().message, HasSubstr("3 redirects"));
    EXPECT_EQ(asked.size(), 4U);
}

TEST_F(FetcherTest, AllowsARangeOfAddresses) {
    settings.allow = {"127.0.0.0/8"};
    EXPECT_TRUE(fetch(at("127.0.0.1", "/a.png")));
}

TEST_F(FetcherTest, HoldsToSizeTypeAndStatus) {
    const auto large = fetch(at("files.example", "/a.png"), {.max_bytes = Bytes{999}});
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, Code::too_large);
}

TEST_F(FetcherTest, RefusesAPageWhereAFileIsWanted) {
    const auto page = fetch(at("files.example", "/page"), {.types = {"image/"}});
    ASSERT_FALSE(page);
    EXPECT_THAT(page.error().message, HasSubstr("it is text/html; expected image/"));
}

TEST_F(FetcherTest, TellsNothingOfWhatAnErrorSays) {
    const auto missing = fetch(at("files.example", "/missing"));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::invalid_argument);
    EXPECT_THAT(missing.error().message, AllOf(HasSubstr("404"), testing::Not(HasSubstr("secret"))));
}

TEST_F(FetcherTest, FetchesNothingWhereThatIsSwitchedOff) {
    settings.fetch = false;
    const auto got = fetch(at("files.example", "/a.png"));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::unsupported);
    EXPECT_TRUE(asked.empty());
}

}  // namespace
}  // namespace sarai::media::fetcher_test
