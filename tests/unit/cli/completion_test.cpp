#include "cli/completion.hpp"

#include <unistd.h>

#include <CLI/App.hpp>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/commands.hpp"
#include "support.hpp"

namespace sarai::cli::completion_test {
namespace {

using testing::HasSubstr;

std::string script(const std::string& shell) {
    World world;
    EXPECT_EQ(world.run({"completion", shell}), 0);
    return world.out.str();
}

// What bash offers behind `line`, whose last word is the one to complete.
std::string offered(const std::vector<std::string>& line) {
    const auto folder = std::filesystem::temp_directory_path() / ("sarai-completion-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "a file.yaml") << "";
    std::ofstream program(folder / "script");
    program << "set -eu\n" << script("bash") << "COMP_WORDS=(sarai";
    for (const auto& word : line) program << " '" << word << "'";
    program << "); COMP_CWORD=" << line.size() << "; _sarai; IFS=,; echo \"${COMPREPLY[*]-}\"\n";
    program.close();
    const auto command = "cd '" + folder.string() + "' && bash ./script 2>&1";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
    std::string output;
    std::array<char, 4096> piece{};
    while (std::fgets(piece.data(), piece.size(), pipe.get()) != nullptr) output += piece.data();
    std::filesystem::remove_all(folder);
    while (output.ends_with('\n')) output.pop_back();
    return output;
}

}  // namespace

TEST(Completion, OffersCommandsOptionsChoicesAndFilesInBash) {
    EXPECT_EQ(offered({"co"}), "config,completion");
    EXPECT_EQ(offered({"config", ""}), "check,--help");
    EXPECT_EQ(offered({"ps", "--"}), "--help,--json,--url,--config");
    EXPECT_EQ(offered({"completion", "z"}), "zsh");
    EXPECT_EQ(offered({"config", "check", "a"}), "a file.yaml");
    EXPECT_EQ(offered({"serve", "--config", "a"}), "a file.yaml");
    EXPECT_EQ(offered({"run", "m", "--url", ""}), "");
    // A model may be called like a command.
    EXPECT_EQ(offered({"run", "plan", "--j"}), "");
}

TEST(Completion, KnowsEveryCommandAndOptionInEveryShell) {
    Arguments arguments;
    const auto commands = make_commands(arguments);
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        const auto text = script(shell);
        for (const auto* command : commands->get_subcommands([](const CLI::App*) { return true; })) {
            if (command->get_group().empty()) continue;  // hidden
            EXPECT_THAT(text, HasSubstr(command->get_name())) << shell;
            for (const auto* option : command->get_options()) {
                for (const auto& name : option->get_lnames()) {
                    EXPECT_THAT(text, HasSubstr(shell == "fish" ? "-l " + name : "--" + name)) << shell;
                }
            }
        }
    }
    EXPECT_EQ(completion_script(*commands, "tcsh"), "");
    EXPECT_EQ(script("bash").find("manual"), std::string::npos) << "hidden";
}

TEST(Completion, QuotesDescriptionsForTheShell) {
    CLI::App app("about", "sarai");
    app.add_subcommand("odd", "It's a: \\ test");
    EXPECT_THAT(completion_script(app, "zsh"), HasSubstr("'odd:It'\\''s a: \\ test'"));
    EXPECT_THAT(completion_script(app, "fish"), HasSubstr("-d 'It\\'s a: \\\\ test'"));
}

}  // namespace sarai::cli::completion_test
