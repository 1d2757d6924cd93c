#include "cli/why.hpp"

#include <boost/json/parse.hpp>

#include "support.hpp"

namespace sarai::cli::why_test {
namespace {

constexpr std::string_view answer = R"({"decisions": [
  {"model": "omni", "event": "wait", "outcome": "loads as configured and makes room: unload lfm2", "at": "2026-11-24T10:00:00Z",
   "age_s": 12, "times": 1, "asked_bytes": 5024776192, "free_bytes": 1073741824,
   "options": [{"what": "KV cache q8_0", "needs_bytes": 4294967296, "cost_ms": 0, "possible": false, "note": "still too large"},
               {"what": "unload lfm2", "needs_bytes": 5024776192, "cost_ms": 17400, "possible": true}]},
  {"model": "solar", "event": "fallback", "outcome": "local fallback, because box:1 is down", "age_s": 5400, "times": 7,
   "asked_bytes": 0, "free_bytes": 0, "options": []}]})";

TEST(Why, ShowsWhatWasWeighedWithNumbersAndABar) {
    EXPECT_EQ(render_decisions(boost::json::parse(answer).as_object(), Style{}, false),
              "omni wait  12 s ago\n"
              "  loads as configured and makes room: unload lfm2\n"
              "  4.68 GiB asked, 1.00 GiB free; weighed by time:\n"
              "     WAY               NEEDS    COST                    NOTE\n"
              "     KV cache q8_0  4.00 GiB       -                    still too large\n"
              "     unload lfm2    4.68 GiB  17.4 s  ################\n"
              "solar fallback  2 h ago, 7 times\n"
              "  local fallback, because box:1 is down\n");
}

TEST(Why, SaysSoWhereNothingWasDecided) {
    EXPECT_EQ(render_decisions({{"decisions", boost::json::array{}}}, Style{}, true), "nothing was decided yet\n");
}

TEST(Why, AsksForOneModelByItsEncodedName) {
    std::string target;
    const Upstream server([&](net::Exchange& exchange) -> net::asio::awaitable<void> {
        target = exchange.request().target();
        (void)co_await exchange.respond({.body = R"({"decisions":[]})"});
    });
    World world;
    EXPECT_EQ(world.run({"why", "a/b:c", "--last", "3", "--json", "--url", server.url()}), 0);
    EXPECT_EQ(target, "/sarai/why?last=3&model=a%2Fb%3Ac");
    EXPECT_EQ(world.out.str(), "{\"decisions\":[]}\n");
}

TEST(Why, PassesOnThatThereIsNoSuchModel) {
    const Upstream server(answering(404, R"({"error":{"message":"model 'x' not found"}})"));
    World world;
    EXPECT_EQ(world.run({"why", "x", "--url", server.url()}), 1);
    EXPECT_EQ(world.err.str(), "sarai: model 'x' not found\n");
}

TEST(Stop, AsksTheServerAndSaysSo) {
    std::string body;
    const Upstream server([&](net::Exchange& exchange) -> net::asio::awaitable<void> {
        body = exchange.request().body();
        (void)co_await exchange.respond({.body = R"({"model":"omni","state":"stopping"})"});
    });
    World world;
    EXPECT_EQ(world.run({"stop", "omni", "--url", server.url()}), 0);
    EXPECT_EQ(body, R"({"model":"omni"})");
    EXPECT_EQ(world.out.str(), "omni is being unloaded\n");
}

TEST(Stop, DrainsWithoutWaitingForTheAnswers) {
    std::string body;
    std::string told = R"({"model":"omni","state":"ready","in_flight":1})";
    const Upstream server([&](net::Exchange& exchange) -> net::asio::awaitable<void> {
        body = exchange.request().body();
        (void)co_await exchange.respond({.body = told});
    });
    World busy;
    EXPECT_EQ(busy.run({"stop", "omni", "--drain", "--url", server.url()}), 0);
    EXPECT_EQ(body, R"({"model":"omni","drain":true})");
    EXPECT_EQ(busy.out.str(), "omni is unloaded as soon as its 1 answer has ended\n");
    told = R"({"model":"omni","state":"loading","in_flight":0})";
    World loading;
    EXPECT_EQ(loading.run({"unload", "omni", "--drain", "--url", server.url()}), 0);
    EXPECT_EQ(loading.out.str(), "omni is unloaded once it is loaded and has answered those that wait\n");
    told = R"({"model":"omni","state":"stopping"})";
    World idle;
    EXPECT_EQ(idle.run({"stop", "omni", "--drain", "--url", server.url()}), 0);
    EXPECT_EQ(idle.out.str(), "omni is being unloaded\n");
    told = R"({"model":"omni","state":"unloaded"})";
    World absent;
    EXPECT_EQ(absent.run({"stop", "omni", "--url", server.url()}), 0);
    EXPECT_EQ(absent.out.str(), "omni is not loaded\n");
}

TEST(Load, AsksTheServerAndSaysSo) {
    std::string target;
    const Upstream server([&](net::Exchange& exchange) -> net::asio::awaitable<void> {
        target = exchange.path();
        (void)co_await exchange.respond({.body = R"({"model":"omni","state":"ready"})"});
    });
    World world;
    EXPECT_EQ(world.run({"load", "omni", "--url", server.url()}), 0);
    EXPECT_EQ(target, "/sarai/load");
    EXPECT_EQ(world.out.str(), "omni is available\n");
}

TEST(Reload, PrintsWhatHasChanged) {
    const Upstream server(answering(
        200,
        R"({"kept":["a","b"],"changed":[],"added":["c"],"removed":[],"settings":["memory.policy"],"needs_restart":["server.listen"]})"));
    World world;
    EXPECT_EQ(world.run({"reload", "--url", server.url()}), 0);
    EXPECT_EQ(world.out.str(), "unchanged: a, b\nadded: c\nnow holds: memory.policy\nneeds a restart: server.listen\n");
}

TEST(Reload, FailsWithTheServersReason) {
    const Upstream server(answering(400, R"({"error":{"message":"2 problems in the configuration"}})"));
    World world;
    EXPECT_EQ(world.run({"reload", "--url", server.url()}), 2);
    EXPECT_EQ(world.err.str(), "sarai: 2 problems in the configuration\n");
}

TEST(Stop, FailsWithTheServersReason) {
    const Upstream server(answering(503, R"({"error":{"message":"model 'lfm2' is pinned and stays loaded"}})"));
    World world;
    EXPECT_EQ(world.run({"stop", "lfm2", "--url", server.url()}), 1);
    EXPECT_EQ(world.err.str(), "sarai: model 'lfm2' is pinned and stays loaded\n");
}

}  // namespace
}  // namespace sarai::cli::why_test
