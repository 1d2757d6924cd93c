#include "cli/top_screen.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "cli/sparkline.hpp"
#include "cli/top_table.hpp"
#include "cli/top_view.hpp"

namespace sarai::cli::top_screen_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view status = R"({
  "version": "0.1.0", "uptime_s": 200,
  "models": [
    {"name": "solar", "backend": "ollama_http", "state": "remote", "endpoint": "lan-box:11434",
     "endpoints": ["lan-box:11434", "mini:11434"], "planned_bytes": 0, "measured_bytes": 0, "peak_bytes": 0, "waiting": 2},
    {"name": "lfm2", "backend": "gguf_native", "state": "ready", "endpoint": "local", "in_flight": 1,
     "planned_bytes": 1073741824, "measured_bytes": 858993459, "peak_bytes": 1000000000},
    {"name": "omni", "backend": "gguf_native", "state": "loading", "progress": 0.42, "endpoint": "local", "in_flight": 0,
     "planned_bytes": 5368709120, "measured_bytes": 1048576, "peak_bytes": 1048576},
    {"name": "embed", "backend": "gguf_native", "state": "unloaded", "endpoint": "local", "in_flight": 0,
     "planned_bytes": 0, "measured_bytes": 0, "peak_bytes": 0}],
  "ledger": {"budget_bytes": 12884901888, "reserved_bytes": 6476005376, "measured_bytes": 881013555,
             "own_bytes": 20971520, "other_bytes": 0, "peak_bytes": 1020971520, "available_bytes": 15032385536},
  "enforcement": {"admission_open": true, "reason": null},
  "endpoints": [
    {"name": "lan-box:11434", "up": true, "breaker": "closed", "in_flight": 1, "capacity": 4, "round_trip_ms": 0.42,
     "distance": "lan", "last_error": null},
    {"name": "mini:11434", "up": false, "breaker": "open", "in_flight": 0, "capacity": 0, "round_trip_ms": null,
     "distance": null, "last_error": "connection refused"}]})";

Counts counted(double requests, double tokens) {
    Counts counts;
    counts.requests = requests;
    counts.tokens = tokens;
    counts.tokens_of["lfm2"] = tokens;
    counts.backend_of[{"lfm2", "gguf_native"}] = {
        .requests = requests, .first_tokens = requests, .first_token_seconds = requests * 0.087};
    return counts;
}

TopScreen screen_of(std::string_view text) {
    TopHistory history;
    TopHistory::Time at{};
    for (int i = 0; i < 8; ++i, at += 1s) history.add(at, 100'000'000 * (i + 1), counted(i, i * 31));
    return {.url = "http://127.0.0.1:11435",
            .view = view_of(boost::json::parse(text).as_object(), history),
            .used = history.used(),
            .requests = history.requests(),
            .tokens = history.tokens(),
            .log = {"12:00:01 info one", "12:00:02 info two", "12:00:03 info three", "12:00:04 info four",
                    "12:00:05 info five", "12:00:06 warning model 'omni' takes 12 MiB more than was planned"}};
}

std::string drawn(const TopScreen& screen, int width, int height, TopLook look = {.colour = false, .unicode = true}) {
    return text_of(top_lines(screen, width, height, look), width, look.colour);
}

// With SARAI_WRITE_GOLDEN set the files are written instead of compared; look at the difference before you commit it.
void expect_golden(const std::string& name, const std::string& text) {
    const std::string path = SARAI_TEST_DATA "/top/" + name;
    if (std::getenv("SARAI_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
    std::ifstream file(path);
    EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << path;
}

std::size_t lines_in(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

}  // namespace

TEST(Top, LaysOutAWideScreen) { expect_golden("wide.txt", drawn(screen_of(status), 120, 30)); }
TEST(Top, LaysOutAUsualTerminal) { expect_golden("80x24.txt", drawn(screen_of(status), 80, 24)); }
TEST(Top, LaysOutANarrowTerminal) { expect_golden("60x20.txt", drawn(screen_of(status), 60, 20)); }
TEST(Top, LaysOutWithoutUnicode) {
    expect_golden("ascii.txt", drawn(screen_of(status), 80, 24, {.colour = false, .unicode = false}));
}

TEST(Top, FillsItsScreenAndNoMore) {
    auto screen = screen_of(status);
    for (const int height : {3, 5, 8, 12, 24, 60})
        for (const int width : {20, 40, 60, 80, 200}) {
            const auto text = drawn(screen, width, height);
            EXPECT_EQ(lines_in(text), static_cast<std::size_t>(height)) << width;
            std::istringstream lines(text);
            for (std::string line; std::getline(lines, line);)
                EXPECT_LE(display_width(line), static_cast<std::size_t>(width));
        }
    screen.keys = false;
    EXPECT_LT(lines_in(drawn(screen, 80, 10'000)), 30U);  // a snapshot is as long as what it says
}

TEST(Top, ShowsTheSelectedModelAlsoWhereNotAllHaveRoom) {
    auto screen = screen_of(status);
    const auto model = screen.view->models.front();
    for (int i = 0; i < 50; ++i) {
        screen.view->models.push_back(model);
        screen.view->models.back().name = "model-" + std::to_string(i);
        screen.view->shares.emplace_back();
    }
    screen.selected = 40;
    const auto text = drawn(screen, 80, 24);
    EXPECT_THAT(text, HasSubstr("> → model-36"));
    EXPECT_THAT(text, HasSubstr("lan-box:11434"));  // endpoints have not been driven out
    EXPECT_THAT(text, Not(HasSubstr("model-37")));
}

TEST(Top, SaysThatTheServerIsLostAndKeepsWhatWasSeen) {
    auto screen = screen_of(status);
    screen.lost = "no answer from http://127.0.0.1:11435: connection refused";
    const auto text = drawn(screen, 120, 24);
    EXPECT_THAT(text, HasSubstr("connection refused; trying again"));
    EXPECT_THAT(text, HasSubstr("lfm2"));
    const TopScreen never{.url = "http://127.0.0.1:1", .view = {}, .lost = "no answer", .message = {}, .panel = {}};
    EXPECT_THAT(drawn(never, 60, 10), HasSubstr("no answer; trying again"));
}

TEST(Top, ShowsWhatTheServerSaysInPlaceOfTheKeys) {
    auto screen = screen_of(status);
    screen.message =
        "model 'lfm2' needs 4.1 GiB and there are 1.2 GiB free; unload omni, or raise memory.max_ram to 14 GiB";
    screen.failed = true;
    const auto text = drawn(screen, 60, 24);
    EXPECT_THAT(text, HasSubstr("needs 4.1 GiB"));
    EXPECT_THAT(text, HasSubstr("to 14 GiB\n"));
    EXPECT_THAT(text, Not(HasSubstr("q quit")));
}

TEST(Top, HasStylesOnlyWhereTheyAreWanted) {
    auto screen = screen_of(status);
    EXPECT_THAT(drawn(screen, 80, 24, {.colour = true, .unicode = true}), HasSubstr("\x1b[3"));
    EXPECT_THAT(drawn(screen, 80, 24), Not(HasSubstr("\x1b")));
    screen.keys = false;
    const auto plain = text_of(top_lines(screen, 80, 99, {.colour = false, .unicode = true}), 80, true);
    EXPECT_THAT(plain, Not(HasSubstr("\x1b[3")));
}

TEST(Top, WhatAServerNamesDoesNotSteerTheTerminal) {
    const auto view =
        view_of(boost::json::parse(
                    R"({"models": [{"name": "a\u001b[2Jb", "state": "\u009bx", "endpoint": 7, "planned_bytes": "x"},
                                          null], "endpoints": {}, "ledger": [], "version": "\u0007"})")
                    .as_object(),
                {});
    ASSERT_EQ(view.models.size(), 1U);
    EXPECT_EQ(view.models[0].name, "a\\x1b[2Jb");
    EXPECT_EQ(view.version, "\\x07");
    EXPECT_EQ(view.models[0].planned, 0);
    EXPECT_EQ(view.budget, 0);
}

TEST(Top, SaysWhyNoModelIsLoaded) {
    const auto view =
        view_of(boost::json::parse(R"({"enforcement": {"admission_open": false, "reason": "the machine is short"}})")
                    .as_object(),
                {});
    EXPECT_EQ(view.trouble, "no model is loaded for now: the machine is short");
}

TEST(TopTable, GivesUpColumnsInTheirOrder) {
    const std::vector<TopColumn> columns{{{"NAME"}}, {{"SECOND"}, 2}, {{"FIRST"}, 1}};
    const std::vector<std::vector<std::string>> rows{{"a", "b", "c"}};
    EXPECT_THAT(fitting_table(columns, rows, 40), ElementsAre("NAME  SECOND  FIRST", "a     b       c"));
    EXPECT_THAT(fitting_table(columns, rows, 18), ElementsAre("NAME  SECOND", "a     b"));
    EXPECT_THAT(fitting_table(columns, rows, 11), ElementsAre("NAME", "a"));
    EXPECT_THAT(fitting_table(columns, rows, 2), ElementsAre("NAME", "a"));
}

TEST(Wrapped, BreaksBetweenWordsAndWithinLongOnes) {
    EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
    EXPECT_THAT(wrapped("abcdefgh ij", 4), ElementsAre("abcd", "efgh", "ij"));
    EXPECT_THAT(wrapped("ñandú ñu", 5), ElementsAre("ñandú", "ñu"));
    EXPECT_THAT(wrapped("", 5), ElementsAre(""));
}

TEST(ShortSize, FitsIntoFiveColumns) {
    EXPECT_EQ(short_size(0), "-");
    EXPECT_EQ(short_size(1), "1M");
    EXPECT_EQ(short_size(std::int64_t{999} << 20), "999M");
    EXPECT_EQ(short_size(std::int64_t{1023} << 20), "1.00G");
    EXPECT_EQ(short_size(std::int64_t{10} << 30), "10.0G");
    EXPECT_EQ(short_size(std::int64_t{200} << 30), "200G");
}

TEST(Sparkline, ShowsTheLastValuesAtTheRight) {
    EXPECT_EQ(sparkline({0, 1, 4, 8}, 6, 0, true), "   ▁▄█");
    EXPECT_EQ(sparkline({9, 9, 0, 0.01, 8}, 3, 8, false), " .#");
    EXPECT_EQ(sparkline({1, 2}, 2, 8, true), "▁▂");
    EXPECT_EQ(sparkline({}, 3, 1, true), "   ");
    EXPECT_EQ(sparkline({1}, 0, 1, true), "");
}

}  // namespace sarai::cli::top_screen_test
