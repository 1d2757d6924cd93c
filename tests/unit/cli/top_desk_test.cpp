#include "cli/top_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <string>
#include <vector>

#include "support.hpp"

namespace sarai::cli::top_desk_test {
namespace {

namespace json = boost::json;
using Key = TopDesk::Key;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

json::object model(std::string_view name, std::string_view state, int in_flight = 0) {
    return {{"name", name},   {"backend", "gguf_native"}, {"endpoint", "local"},
            {"state", state}, {"in_flight", in_flight},   {"planned_bytes", state == "ready" ? 100 : 0}};
}

TopSample sample(json::array models) {
    return {.at = {}, .status = {{"models", std::move(models)}}, .metrics = {}, .log = {}};
}

// A desk that notes what is asked, for a test to answer.
struct Desk {
    std::vector<std::string> asked;
    std::vector<TopFeed::Told> told;
    TopDesk desk{"http://server", true, [this](const net::ClientRequest& request, TopFeed::Told answer) {
                     asked.push_back(request.target + " " + request.body);
                     told.push_back(std::move(answer));
                 }};

    [[nodiscard]] const TopScreen& screen() const { return desk.screen(); }
    [[nodiscard]] std::string selected() const { return screen().view->models.at(screen().selected).name; }
};

}  // namespace

TEST(TopDesk, KeysAskForTheSelectedModel) {
    Desk d;
    d.desk.press(Key::load);  // of nothing
    EXPECT_THAT(d.asked, IsEmpty());
    d.desk.hear(sample({model("a", "ready"), model("b", "unloaded")}));
    d.desk.press(Key::unload);
    d.desk.press(Key::down);
    d.desk.press(Key::down);  // there is none below
    d.desk.press(Key::load);
    EXPECT_THAT(d.asked, ElementsAre("/sarai/unload {\"model\":\"a\"}", "/sarai/load {\"model\":\"b\"}"));
    EXPECT_EQ(d.screen().message, "b: load …");
    d.told[1](json::object{});
    EXPECT_EQ(d.screen().message, "b is available");
    EXPECT_FALSE(d.screen().failed);
}

TEST(TopDesk, RefusalsAreShownInTheServersOwnWords) {
    Desk d;
    d.desk.hear(sample({model("a", "ready")}));
    d.desk.press(Key::load);
    d.told[0](fail(Code::no_memory, "model 'a' needs 4 GiB", "Unload b."));
    EXPECT_EQ(d.screen().message, "model 'a' needs 4 GiB. Unload b.");
    EXPECT_TRUE(d.screen().failed);
    d.desk.press(Key::up);
    EXPECT_EQ(d.screen().message, "");
}

TEST(TopDesk, TheServerDrains) {
    Desk d;
    d.desk.hear(sample({model("a", "ready", 2)}));
    d.desk.press(Key::drain);
    EXPECT_THAT(d.asked, ElementsAre("/sarai/unload {\"model\":\"a\",\"drain\":true}"));
    d.told[0](json::object{{"state", "ready"}, {"in_flight", 2}});
    EXPECT_EQ(d.screen().message, "a is unloaded as soon as its 2 answers have ended");
    d.desk.hear(sample({model("a", "ready", 0)}));
    EXPECT_EQ(d.asked.size(), 1U);  // whoever looks has no part in it
    d.desk.press(Key::drain);
    d.told[1](json::object{{"state", "stopping"}});
    EXPECT_EQ(d.screen().message, "a is being unloaded");
}

TEST(TopDesk, DrainingIsTakenBackByTheSameKeyWhoeverBeganIt) {
    Desk d;
    auto row = model("a", "ready", 2);
    row["draining"] = true;
    d.desk.hear(sample({row}));
    EXPECT_EQ(d.screen().view->models[0].state, "ready, draining");
    d.desk.press(Key::drain);  // for somebody else's memory: that is nobody's wish
    row["drain_asked"] = true;
    d.desk.hear(sample({row}));
    d.desk.press(Key::drain);
    EXPECT_THAT(d.asked,
                ElementsAre("/sarai/unload {\"model\":\"a\",\"drain\":true}", "/sarai/load {\"model\":\"a\"}"));
    d.told[1](json::object{});
    EXPECT_EQ(d.screen().message, "a stays");
}

TEST(TopDesk, WhatIsSelectedStaysSoWhenRowsComeAndGo) {
    Desk d;
    d.desk.hear(sample({model("a", "ready"), model("b", "ready")}));
    d.desk.press(Key::down);
    d.desk.hear(sample({model("new", "ready"), model("a", "ready"), model("b", "ready")}));
    EXPECT_EQ(d.selected(), "b");
    d.desk.hear(sample({model("a", "ready")}));
    EXPECT_EQ(d.selected(), "a");
    d.desk.hear(sample({}));
    d.desk.press(Key::down);
    d.desk.press(Key::load);
    EXPECT_THAT(d.asked, IsEmpty());
}

TEST(TopDesk, ServerThatIsLostAndFoundAgain) {
    Desk d;
    d.desk.hear(fail(Code::unavailable, "no answer"));
    EXPECT_EQ(d.screen().lost, "no answer");
    d.desk.hear(sample({model("a", "ready")}));
    EXPECT_EQ(d.screen().lost, "");
    d.desk.hear(fail(Code::unavailable, "gone"));
    EXPECT_EQ(d.screen().lost, "gone");
    EXPECT_EQ(d.selected(), "a");
}

TEST(TopDesk, PanelsScrollAndCloseAtAnyOtherKey) {
    Desk d;
    d.desk.hear(sample({model("a b", "ready")}));
    d.desk.press(Key::why);
    ASSERT_THAT(d.asked, ElementsAre("/sarai/why?last=20&model=a%20b "));
    d.told[0](json::parse(R"({"decisions": [{"model": "a b", "event": "refuse", "outcome": "too large", "age_s": 3,
        "asked_bytes": 2147483648, "free_bytes": 1073741824,
        "options": [{"what": "as configured", "needs_bytes": 2147483648, "possible": false, "note": "too large"}]}]})")
                  .as_object());
    ASSERT_TRUE(d.screen().panel);
    EXPECT_THAT(d.screen().panel->lines,
                testing::Contains(HasSubstr("2.00 GiB asked, 1.00 GiB free; weighed by time:")));
    d.desk.press(Key::down);
    EXPECT_EQ(d.screen().panel->first, 1U);
    d.desk.press(Key::page_down);
    EXPECT_EQ(d.screen().panel->first, d.screen().panel->lines.size() - 1);
    d.desk.press(Key::page_up);
    EXPECT_EQ(d.screen().panel->first, 0U);
    d.desk.press(Key::load);  // closes, and loads nothing
    EXPECT_FALSE(d.screen().panel);
    EXPECT_EQ(d.asked.size(), 1U);
    d.desk.press(Key::help);
    EXPECT_TRUE(d.screen().panel);
    d.desk.press(Key::other);
    d.desk.press(Key::pause);
    EXPECT_TRUE(d.screen().paused);
}

TEST(Top, OnceIsTextAndStatusZero) {
    Upstream server(
        answering(200, R"({"version": "9.9", "models": [{"name": "lfm2", "state": "ready", "endpoint": "local"}]})"));
    World world;
    EXPECT_EQ(world.run({"top", "--url", server.url()}), 0) << world.err.str();
    EXPECT_THAT(world.out.str(), HasSubstr("lfm2"));
    EXPECT_THAT(world.out.str(), HasSubstr("9.9"));
    EXPECT_THAT(world.out.str(), testing::Not(HasSubstr("\x1b")));
}

TEST(Top, WithoutAServerItsStatusIsThreeAndAWrongIntervalIsUsage) {
    World world;
    EXPECT_EQ(world.run({"top", "--once", "--url", "http://127.0.0.1:1"}), 3);
    EXPECT_THAT(world.err.str(), HasSubstr("sarai serve"));
    World wrong;
    EXPECT_EQ(wrong.run({"top", "--interval", "often"}), 2);
    EXPECT_THAT(wrong.err.str(), HasSubstr("--interval is \"often\"; expected a time from 100ms to 1h"));
}

}  // namespace sarai::cli::top_desk_test
