#include "cli/doctor_view.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace sarai::cli::doctor_view_test {
namespace {

namespace json = boost::json;

const std::vector<Check> some{
    {.group = "machine", .name = "memory", .text = "31.2 GiB, 20.1 GiB available"},
    {.group = "machine",
     .name = "swap",
     .state = CheckState::warn,
     .text = "2 GiB, 1.5 GiB in use",
     .advice = "A worker that was swapped out answers very slowly: end other programs, or lower memory.max_ram."},
    {.group = "models",
     .name = "lfm2",
     .state = CheckState::fail,
     .text = "/models/lfm2.gguf does not exist",
     .place = "sarai.yaml:7"},
    {.group = "advice",
     .name = "embed",
     .state = CheckState::warn,
     .text = "It is never displaced, but loaded by the first request, which waits for it.",
     .advice = "preload: true",
     .place = "sarai.yaml:9"},
};

TEST(DoctorView, GroupsAlignsAndFoldsWhatWasFound) {
    EXPECT_EQ(doctor_text(some, {.width = 70, .unicode = true, .style = {}}),
              "MACHINE\n"
              "  ok    memory  31.2 GiB, 20.1 GiB available\n"
              "  warn  swap    2 GiB, 1.5 GiB in use\n"
              "                → A worker that was swapped out answers very slowly:\n"
              "                  end other programs, or lower memory.max_ram.\n"
              "\n"
              "MODELS\n"
              "  fail  lfm2    /models/lfm2.gguf does not exist\n"
              "                → sarai.yaml:7\n"
              "\n"
              "ADVICE\n"
              "  warn  embed   It is never displaced, but loaded by the first\n"
              "                request, which waits for it.\n"
              "                → sarai.yaml:9: preload: true\n"
              "\n"
              "1 ok, 2 warnings, 1 failure\n");
}

TEST(DoctorView, CountsOnlyWhatThereIs) {
    EXPECT_EQ(doctor_text(std::vector{some[0]}, {.width = 70, .unicode = false, .style = {}}),
              "MACHINE\n  ok    memory  31.2 GiB, 20.1 GiB available\n\n1 ok\n");
}

TEST(DoctorView, ShowsStatesInColourWhereThatIsWanted) {
    const auto text = doctor_text(some, {.width = 70, .unicode = false, .style = Style{true}});
    for (const auto* part : {"\x1b[32mok", "\x1b[33mwarn", "\x1b[31mfail", "\x1b[1mMACHINE"})
        EXPECT_THAT(text, testing::HasSubstr(part));
}

TEST(DoctorView, GivesSentencesRoomOnNarrowTerminalsAndNothingOfOthersSteersOne) {
    const std::vector<Check> hostile{
        {.group = "servers", .name = "a\x1b[2J", .text = "line\nline \x07 " + std::string(80, 'x')}};
    const auto text = doctor_text(hostile, {.width = 1, .unicode = false, .style = {}});
    EXPECT_EQ(text.find_first_of("\x1b\x07"), std::string::npos);
    EXPECT_THAT(text, testing::HasSubstr("line\\nline"));
    EXPECT_THAT(text, testing::HasSubstr(std::string(80, 'x')));
}

TEST(DoctorView, SaysTheSameInJson) {
    const auto parsed = json::parse(doctor_json(some));
    EXPECT_FALSE(parsed.at("ok").as_bool());
    const auto& checks = parsed.at("checks").as_array();
    ASSERT_EQ(checks.size(), 4U);
    EXPECT_EQ(json::serialize(checks[0]),
              R"({"group":"machine","name":"memory","state":"ok","text":"31.2 GiB, 20.1 GiB available",)"
              R"("advice":null,"place":null})");
    EXPECT_EQ(checks[3].at("advice"), "preload: true");
    EXPECT_EQ(checks[3].at("place"), "sarai.yaml:9");
}

TEST(DoctorView, FailsOnlyWhereSomethingFails) {
    EXPECT_EQ(doctor_status(some), 1);
    EXPECT_EQ(doctor_status(std::span(some).first(2)), 0);
    EXPECT_EQ(doctor_status({}), 0);
}

}  // namespace
}  // namespace sarai::cli::doctor_view_test
