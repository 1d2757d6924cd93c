#include "cli/run_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sarai::cli::run_command_test {
namespace {

using Kind = RunCommand::Kind;
using testing::HasSubstr;

RunCommand command(std::string_view line) {
    const auto parsed = parse_run_command(line);
    EXPECT_TRUE(parsed && *parsed) << line;
    return parsed && *parsed ? **parsed : RunCommand{};
}

std::string problem(std::string_view line) {
    const auto parsed = parse_run_command(line);
    EXPECT_FALSE(parsed) << line;
    return parsed ? "" : parsed.error().message;
}

bool is_said(std::string_view line) {
    const auto parsed = parse_run_command(line);
    return parsed && !*parsed;
}

}  // namespace

TEST(RunCommand, TakesItsArgumentAsItIs) {
    EXPECT_EQ(command(" /bye ").kind, Kind::bye);
    EXPECT_EQ(command("/exit").kind, Kind::bye);
    EXPECT_EQ(command("/?").kind, Kind::help);
    EXPECT_EQ(command("/model  lfm2 ").argument, "lfm2");
    EXPECT_EQ(command("/image my photo.png").argument, "my photo.png");
    EXPECT_EQ(command("/audio\tquestion.wav").kind, Kind::audio);
    EXPECT_EQ(command("/image ").argument, "");
    EXPECT_EQ(command("/save talk.md").argument, "talk.md");
    EXPECT_EQ(command("/why").kind, Kind::why);
    EXPECT_EQ(command("/plan").kind, Kind::plan);
}

TEST(RunCommand, SetsTheSystemTextAndTheTemperature) {
    EXPECT_EQ(command("/set system Be  brief.").argument, "Be  brief.");
    EXPECT_EQ(command("/set system").kind, Kind::set_system);
    EXPECT_EQ(command("/set system").argument, "");
    EXPECT_EQ(command("/set temperature 0.7").number, 0.7);
    EXPECT_EQ(command("/set temperature").number, std::nullopt);
    for (const auto* wrong : {"2.1", "-1", "warm", "0.5x", "nan", "inf"})
        EXPECT_EQ(problem("/set temperature " + std::string(wrong)),
                  "temperature is \"" + std::string(wrong) + "\"; expected a number from 0 to 2");
    EXPECT_EQ(problem("/set top_k 3"), "/set top_k; expected \"system TEXT\" or \"temperature NUMBER\"");
}

TEST(RunCommand, NamesTheNearestOneWhereThereIsNone) {
    EXPECT_EQ(problem("/modle lfm2"), "no command /modle; did you mean /model?; /help lists them");
    EXPECT_EQ(problem("/nothing"), "no command /nothing; /help lists them");
    EXPECT_EQ(problem("/save"), "/save needs something: /save talk.md");
    EXPECT_EQ(problem("/clear all"), "/clear takes nothing");
    EXPECT_THAT(problem("/\x1b[2J"), HasSubstr("\\x1b"));
}

TEST(RunCommand, LeavesToTheModelWhatIsNoCommand) {
    for (const auto* text : {"Hello", "", "and /bye", "/etc/fstab is empty. Why?", "/usr/bin or /bin?"})
        EXPECT_TRUE(is_said(text)) << text;
}

TEST(TypedText, IsALineUnlessItIsMore) {
    TypedText typed;
    EXPECT_EQ(typed.add("Hello"), "Hello");
    EXPECT_EQ(typed.add(""), "");
    EXPECT_EQ(typed.add(R"("""one line""")"), "one line");
    EXPECT_EQ(typed.add("a \"quoted\" word"), "a \"quoted\" word");
    EXPECT_FALSE(typed.open());
}

TEST(TypedText, GoesFromQuotesToQuotes) {
    TypedText typed;
    EXPECT_FALSE(typed.add(R"(""")"));
    EXPECT_TRUE(typed.open());
    EXPECT_FALSE(typed.add("  first \\"));  // here a backslash is one
    EXPECT_FALSE(typed.add(""));
    EXPECT_FALSE(typed.add("/bye"));
    EXPECT_EQ(typed.add(R"(""")"), "  first \\\n\n/bye");
    EXPECT_FALSE(typed.add(R"("""first)"));
    EXPECT_EQ(typed.add(R"(last"""  )"), "first\nlast");
    EXPECT_FALSE(typed.add(R"(""")"));
    EXPECT_EQ(typed.add(R"(""")"), "");
}

TEST(TypedText, GoesOnBehindABackslash) {
    TypedText typed;
    EXPECT_FALSE(typed.add("one\\"));
    EXPECT_FALSE(typed.add("two \\ "));
    EXPECT_EQ(typed.add("three"), "one\ntwo \nthree");
    EXPECT_FALSE(typed.add("given up\\"));
    typed.forget();
    EXPECT_EQ(typed.add("new"), "new");
}

}  // namespace sarai::cli::run_command_test
