#include "cli/route.hpp"

#include <boost/json/parse.hpp>

#include "support.hpp"

namespace sarai::cli::route_test {
namespace {

constexpr auto answer =
    R"({"model":"lfm2","route":"soft","scores":{"hard":0.05,"soft":0.93,"web_query":0.02},"familiar":0.9,
        "language":"es","reason":"lfm2 for soft: soft 0.93 >= 0.50","would_load":true,
        "considered":[{"route":"hard","model":"solar","score":0.05,"threshold":0.5,"chosen":false,"note":null},
                      {"route":"soft","model":"lfm2","score":0.93,"threshold":0.5,"chosen":true,"note":null},
                      {"route":"default","model":"solar","score":0,"threshold":0,"chosen":false,"note":"may not"}]})";

}  // namespace

TEST(Route, SaysWhoWouldAnswerAndWhatElseWasWeighed) {
    EXPECT_EQ(render_route(boost::json::parse(answer).get_object(), Style{}),
              "lfm2  (would be loaded first)\n"
              "  lfm2 for soft: soft 0.93 >= 0.50\n"
              "  familiar 0.90, language es\n"
              "    ROUTE    MODEL  SCORE  THRESHOLD  NOTE\n"
              "    hard     solar   0.05       0.50\n"
              " *  soft     lfm2    0.93       0.50\n"
              "    default  solar      -          -  may not\n");
}

TEST(Route, SendsThePromptAsItIs) {
    std::string body;
    std::string target;
    const Upstream server([&](net::Exchange& exchange) -> net::asio::awaitable<void> {
        target = exchange.request().target();
        body = exchange.request().body();
        (void)co_await exchange.respond({.body = R"({"model":"lfm2"})"});
    });
    World world;
    EXPECT_EQ(world.run({"route", "¿Qué", "tal?", "--json", "--url", server.url()}), 0);
    EXPECT_EQ(target, "/sarai/route");
    EXPECT_EQ(body, R"({"text":"¿Qué tal?"})");
    EXPECT_EQ(world.out.str(), "{\"model\":\"lfm2\"}\n");
}

TEST(RouterExport, PrintsWhatCanBeLearnedFrom) {
    constexpr auto all =
        R"({"feedback":[{"right":true,"training":{"text":"Hola","label":"soft"}},{"right":false,"training":null}]})";
    const Upstream server(
        [&](net::Exchange& exchange) -> net::asio::awaitable<void> { (void)co_await exchange.respond({.body = all}); });
    World world;
    EXPECT_EQ(world.run({"router", "export", "--url", server.url()}), 0);
    EXPECT_EQ(world.out.str(), "{\"text\":\"Hola\",\"label\":\"soft\"}\n");
    World json;
    EXPECT_EQ(json.run({"router", "export", "--json", "--url", server.url()}), 0);
    EXPECT_TRUE(json.out.str().starts_with(R"([{"right":true)")) << json.out.str();
}

}  // namespace sarai::cli::route_test
