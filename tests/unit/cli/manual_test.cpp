#include "cli/manual.hpp"

#include <CLI/App.hpp>

#include "cli/commands.hpp"
#include "config/keys.hpp"
#include "support.hpp"

namespace sarai::cli::manual_test {
namespace {

using testing::HasSubstr;

TEST(Manual, HasAPageForEveryCommandThatIsNotHidden) {
    Arguments arguments;
    const auto commands = make_commands(arguments);
    const auto list = "\n" + part_of_manual(*commands, "list");
    const auto overview = part_of_manual(*commands, "commands");
    for (const auto* command : commands->get_subcommands([](const CLI::App*) { return true; })) {
        const auto page = "sarai-" + command->get_name();
        const bool shown = !command->get_group().empty();
        EXPECT_EQ(list.contains("\n" + page + "\n"), shown) << page;
        EXPECT_EQ(overview.contains("*" + page + "*(1)\n\t"), shown) << page;
        const auto text = part_of_manual(*commands, page);
        EXPECT_EQ(text.starts_with(page + "(1)\n\n# NAME\n\n" + page + " - "), shown) << text;
    }
    EXPECT_THAT(part_of_manual(*commands, "sarai-config"),
                HasSubstr("# SYNOPSIS\n\n*sarai config check* \\[_FILE_\\]"));
    EXPECT_EQ(part_of_manual(*commands, "sarai"), "");
}

TEST(Manual, APageHasOptionsExamplesAndWhatElseThereIsToSay) {
    CLI::App app("about", "sarai");
    auto* command = app.add_subcommand("do", "Do a_thing");
    std::string value;
    bool flag = false;
    command->add_option("-o,--output", value, "Where to [there]")->type_name("FILE");
    command->add_flag("--json", flag, "Print JSON");
    command->footer("EXAMPLES:\n  sarai do -o x_y\n  sarai do\n\nA *word*\nmore.\n");
    EXPECT_EQ(command_manual(*command),
              "sarai-do(1)\n\n# NAME\n\nsarai-do - do a\\_thing\n\n"
              "# SYNOPSIS\n\n*sarai do* \\[_options_\\]\n\n# DESCRIPTION\n\nDo a\\_thing.\n\nA \\*word\\*\nmore.\n\n"
              "# OPTIONS\n\n*-o*, *--output* _FILE_\n\tWhere to \\[there]\n\n*--json*\n\tPrint JSON\n\n"
              "# EXAMPLES\n\n```\n  sarai do -o x_y\n  sarai do\n```\n\n"
              "# SEE ALSO\n\n*sarai*(1), with the exit status and the environment of all commands; *sarai.yaml*(5)\n");
}

TEST(Manual, APageOfAGroupHasASectionForEachOfItsCommands) {
    CLI::App app("about", "sarai");
    auto* group = app.add_subcommand("kb", "Documents");
    group->footer("EXAMPLES:\n  sarai kb add x\n");
    std::string value;
    auto* add = group->add_subcommand("add", "Add files");
    add->add_option("PATH", value, "What")->required();
    add->footer("EXAMPLES:\n  sarai kb add docs\n");
    group->add_subcommand("list", "List them");
    const auto text = command_manual(*group);
    EXPECT_THAT(text, HasSubstr("# SYNOPSIS\n\n*sarai kb add* _PATH_ \\[_options_\\]\n\n*sarai kb list*"));
    EXPECT_THAT(text, HasSubstr("# COMMANDS\n\n## kb add\n\n*sarai kb add* _PATH_"));
    EXPECT_THAT(text, HasSubstr("_PATH_\n\tWhat\n\n```\n  sarai kb add docs\n```\n\n## kb list\n\n"));
    EXPECT_FALSE(text.contains("kb add x"));
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
}  // namespace sarai::cli::manual_test
