#include "cli/manual.hpp"

#include <CLI/App.hpp>

#include "cli/commands.hpp"
#include "config/keys.hpp"
#include "support.hpp"

namespace sarai::cli {
namespace {

using testing::HasSubstr;

TEST(Manual, HasASectionForEveryCommandThatIsNotHidden) {
    Arguments arguments;
    const auto commands = make_commands(arguments);
    const auto text = commands_manual(*commands);
    for (const auto* command : commands->get_subcommands([](const CLI::App*) { return true; })) {
        const auto heading = "## " + command->get_name();
        EXPECT_EQ(text.contains(heading + "\n") || text.contains(heading + " "), !command->get_group().empty())
            << heading;
    }
    EXPECT_THAT(text, HasSubstr("## config check\n\n*sarai config check* _FILE_"));
}

TEST(Manual, ShowsOptionsAndExamplesOfACommandInScdocsNotation) {
    CLI::App app("about", "sarai");
    auto* command = app.add_subcommand("do", "Do a_thing");
    std::string value;
    bool flag = false;
    command->add_option("-o,--output", value, "Where to [there]")->type_name("FILE");
    command->add_flag("--json", flag, "Print JSON");
    command->footer("EXAMPLES:\n  sarai do -o x_y\n  sarai do\n");
    EXPECT_EQ(commands_manual(app),
              "## do\n\n*sarai do* \\[_options_\\]\n\nDo a\\_thing.\n\n"
              "*-o*, *--output* _FILE_\n\tWhere to \\[there]\n\n*--json*\n\tPrint JSON\n\n"
              "```\n  sarai do -o x_y\n  sarai do\n```\n\n");
}

TEST(Manual, HasAnEntryForEveryKey) {
    const auto text = keys_manual();
    for (const auto& key : config::keys()) {
        std::string name;
        for (const char c : key.path) name += (c == '_' || c == '*' || c == '[' ? "\\" : "") + std::string(1, c);
        EXPECT_THAT(text, HasSubstr("*" + name + "*\n\t"));
    }
    EXPECT_THAT(text, HasSubstr("Default: 64MiB. Environment: SARAI\\_SERVER\\_MAX\\_REQUEST\\_BODY."));
}

}  // namespace
}  // namespace sarai::cli
