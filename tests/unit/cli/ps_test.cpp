#include "cli/ps.hpp"

#include <boost/json/parse.hpp>

#include "cli/table.hpp"
#include "support.hpp"

namespace sarai::cli::ps_test {
namespace {

using testing::HasSubstr;

constexpr std::string_view status = R"({
  "version": "0.1.0",
  "models": [
    {"name": "solar", "backend": "ollama_http", "state": "remote", "endpoint": "lan-box:11434", "endpoints": ["lan-box:11434"],
     "pid": null, "planned_bytes": 0, "measured_bytes": 0, "peak_bytes": 0, "role": "primary"},
    {"name": "lfm2", "backend": "gguf_native", "state": "ready", "endpoint": "local", "pid": 4711,
     "planned_bytes": 1073741824, "measured_bytes": 858993459, "peak_bytes": 900000000,
     "anonymous_bytes": 838021939, "file_bytes": 20971520, "over_plan_bytes": 0, "role": "primary"},
    {"name": "omni", "backend": "gguf_native", "state": "loading", "progress": 0.42, "endpoint": "local", "pid": 4712,
     "planned_bytes": 5368709120, "measured_bytes": 1048576, "peak_bytes": 1048576, "role": "primary"}],
  "ledger": {"budget_bytes": 12884901888, "reserved_bytes": 6476005376, "measured_bytes": 881013555,
             "anonymous_bytes": 848507699, "file_bytes": 32505856, "own_bytes": 20971520, "other_bytes": 0},
  "enforcement": {"mode": "watchdog", "admission_open": true, "reason": null}})";

boost::json::object parsed(std::string_view text) { return boost::json::parse(text).as_object(); }

}  // namespace

TEST(Table, AlignsColumnsAndLeavesNoBlanksAtLineEnds) {
    EXPECT_EQ(render_table({{"NAME"}, {"N", Align::right}, {"X"}}, {{"é", "1", "y"}, {"longer", "100", ""}, {"z"}}),
              "NAME      N  X\n"
              "é         1  y\n"
              "longer  100\n"
              "z\n");
}

TEST(Bar, ShowsUseAndPromisesOfTheWhole) {
    EXPECT_EQ(render_bar({.filled = 25, .promised = 50, .whole = 100}, 8, false), "##++....");
    EXPECT_EQ(render_bar({.filled = 25, .promised = 50, .whole = 100}, 8, true), "██▒▒░░░░");
    EXPECT_EQ(render_bar({}, 4, false), "....");
}

TEST(Bar, NeitherHidesALittleNorShowsFullWhatIsNot) {
    EXPECT_EQ(render_bar({.filled = 1, .promised = 1, .whole = 1000}, 5, false), "#....");
    EXPECT_EQ(render_bar({.filled = 999, .promised = 999, .whole = 1000}, 5, false), "####.");
    EXPECT_EQ(render_bar({.filled = 1000, .promised = 0, .whole = 1000}, 5, false), "#####");
    EXPECT_EQ(render_bar({.filled = 5000, .promised = 0, .whole = 1000}, 5, false), "#####");
    EXPECT_EQ(render_bar({.filled = -5, .promised = -1, .whole = 1000}, 5, false), ".....");
}

TEST(Shares, StandSideBySideWithWhatTheyTakeAndWhatTheyWerePromised) {
    const auto drawn = [](const std::vector<Share>& shares, std::int64_t whole, int width) {
        std::string text;
        for (const auto& cell : share_cells(shares, whole, width)) {
            const auto letter = static_cast<char>('a' + cell.share);
            text += cell.kind == Cell::Kind::free ? '.' : cell.kind == Cell::Kind::promised ? '+' : letter;
        }
        return text;
    };
    EXPECT_EQ(drawn({{.filled = 30, .promised = 50}, {.filled = 20, .promised = 20}}, 100, 10), "aaa++bb...");
    EXPECT_EQ(drawn({{.filled = 40, .promised = 20}}, 100, 10), "aaaa......") << "over its plan";
    EXPECT_EQ(drawn({{.filled = 1, .promised = 1}, {.filled = 1, .promised = 30}}, 1000, 10), "ab........")
        << "a little shows, too";
    EXPECT_EQ(drawn({{.filled = 80, .promised = 80}, {.filled = 70, .promised = 90}}, 100, 10), "aaaaaaaabb");
    EXPECT_EQ(drawn({{.filled = 500, .promised = 0}, {.filled = 5, .promised = 0}}, 100, 4), "aaaa");
    EXPECT_EQ(drawn({{.filled = -5, .promised = -1}, {}}, 100, 4), "....");
    EXPECT_EQ(drawn({{.filled = 5, .promised = 5}}, 0, 4), "....");
    EXPECT_EQ(drawn({{.filled = 5, .promised = 5}}, 10, 0), "");
    // A third each: rounding errors do not add up.
    EXPECT_EQ(drawn({{.filled = 1, .promised = 0}, {.filled = 1, .promised = 0}, {.filled = 1, .promised = 0}}, 3, 10),
              "aaabbbbccc");
}

TEST(Ps, PrintsATableWithAPictureOfTheBudget) {
    EXPECT_EQ(render_status(parsed(status), Style{}, false),
              "MODEL  BACKEND      STATE        ENDPOINT        PID   PLANNED      NOW     ANON    FILE     PEAK\n"
              "solar  ollama_http  remote       lan-box:11434     -         -        -        -       -        -\n"
              "lfm2   gguf_native  ready        local          4711  1.00 GiB  819 MiB  799 MiB  20 MiB  858 MiB\n"
              "omni   gguf_native  loading 42%  local          4712  5.00 GiB  1.0 MiB        -       -  1.0 MiB\n"
              "\nmemory  abbb+c++++++++++++++++++++++++..............................\n"
              "        a sarai  20 MiB of 32 MiB\n"
              "        b lfm2  819 MiB of 1.00 GiB\n"
              "        c omni  1.0 MiB of 5.00 GiB\n"
              "        840 MiB used (809 MiB anonymous, 31 MiB file), 6.03 GiB reserved, of 12.00 GiB\n");
}

TEST(Ps, SaysThatMemoryIsShortAndWhoIsOverItsPlan) {
    auto changed = parsed(status);
    changed["enforcement"] = {{"admission_open", false}, {"reason", "the machine has 100 MiB"}};
    changed["models"].as_array()[1].as_object()["over_plan_bytes"] = 104857600;
    EXPECT_THAT(render_status(changed, Style{}, false),
                testing::EndsWith("\nno model is loaded for now: the machine has 100 MiB\n"
                                  "lfm2 takes 100 MiB more than was planned\n"));
}

TEST(Ps, PrintsColoursOnlyWhereTheyAreWanted) {
    World world;
    EXPECT_FALSE(wants_colour(world.io, false));
    EXPECT_TRUE(wants_colour(world.io, true));
    world.io.environment.variables["NO_COLOR"] = "";
    EXPECT_TRUE(wants_colour(world.io, true));
    world.io.environment.variables["NO_COLOR"] = "1";
    EXPECT_FALSE(wants_colour(world.io, true));
    world.io.environment.variables = {{"TERM", "dumb"}};
    EXPECT_FALSE(wants_colour(world.io, true));
    EXPECT_THAT(render_status(parsed(status), Style{true}, true), HasSubstr("\x1b[36m█"));
    EXPECT_THAT(render_status(parsed(status), Style{true}, true), HasSubstr("\x1b[35m▒"));
    const auto plain = render_status(parsed(status), Style{false}, true);
    EXPECT_THAT(plain, testing::Not(HasSubstr("\x1b")));
    EXPECT_THAT(plain, HasSubstr("abbb▒c▒▒")) << "letters tell shares apart where colours do not";
}

TEST(Ps, SurvivesAStatusOfAnotherShape) {
    EXPECT_THAT(render_status(parsed("{}"), Style{}, true), HasSubstr("MODEL"));
    EXPECT_THAT(render_status(parsed(R"({"models": [1, {"name": 5, "pid": "x", "planned_bytes": "y"}], "ledger": []})"),
                              Style{}, true),
                HasSubstr("5      -"));
    EXPECT_THAT(render_status(parsed(R"({"models": [{"name": "\u001b[2Jx"}]})"), Style{}, true),
                HasSubstr("\\x1b[2Jx"));
}

TEST(Ps, PrintsJsonWithTheseNamesAndNoOthers) {
    const auto list = boost::json::parse(status_as_json(parsed(status))).as_array();
    ASSERT_EQ(list.size(), 3U);
    for (const auto& entry : list) {
        std::vector<std::string> names;
        for (const auto& member : entry.as_object()) names.emplace_back(member.key());
        EXPECT_THAT(names, testing::ElementsAre("name", "backend", "state", "endpoint", "pid", "planned_bytes",
                                                "measured_bytes", "peak_bytes", "anonymous_bytes", "file_bytes",
                                                "over_plan_bytes", "quarantined", "last_error"));
    }
    EXPECT_EQ(list[1].as_object().at("measured_bytes"), 858993459);
    EXPECT_TRUE(list[0].as_object().at("pid").is_null());
    EXPECT_EQ(status_as_json({}), "[]\n");
}

TEST(Ps, AsksTheServer) {
    World world;
    const Upstream upstream([](net::Exchange& exchange) -> net::asio::awaitable<void> {
        const bool found = exchange.path() == "/sarai/status";
        (void)co_await exchange.respond({.status = found ? 200 : 404, .body = std::string(status)});
    });
    EXPECT_EQ(world.run({"ps", "--json", "--url", upstream.url()}), 0) << world.err.str();
    EXPECT_EQ(world.out.str(), status_as_json(parsed(status)));
}

TEST(Ps, SaysHowToStartAServerWhereThereIsNone) {
    World world;
    std::string url;
    { url = Upstream(answering(200, "{}")).url(); }
    EXPECT_EQ(world.run({"ps", "--url", url}), 3);
    EXPECT_THAT(world.err.str(), HasSubstr("no answer from " + url));
    EXPECT_THAT(world.err.str(), HasSubstr("sarai serve"));
}

TEST(Ps, TellsAServerThatIsNoSaraiFromOneThatIsNotThere) {
    for (const auto& [reply, words] :
         {std::pair(answering(404, "nope"), "it is no sarai"), std::pair(answering(200, "<html>"), "no JSON object"),
          std::pair(answering(500, R"({"error":{"message":"broken"}})"), "broken"),
          std::pair(answering(500, "x"), "status 500")}) {
        World world;
        const Upstream upstream(reply);
        EXPECT_EQ(world.run({"ps", "--url", upstream.url()}), 1);
        EXPECT_THAT(world.err.str(), HasSubstr(words));
    }
}

}  // namespace sarai::cli::ps_test
