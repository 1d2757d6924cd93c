#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "config/yaml_tree.hpp"
#include "support.hpp"

namespace sarai::config::load_test {
namespace {

namespace fs = std::filesystem;

class LoadConfig : public testing::Test {
protected:
    LoadConfig() {
        std::string pattern = (fs::temp_directory_path() / "sarai-config-XXXXXX").string();
        folder = mkdtemp(pattern.data());
    }
    ~LoadConfig() override { fs::remove_all(folder); }
    fs::path write(const std::string& name, std::string_view text) const {
        std::ofstream(folder / name, std::ios::binary) << text;
        return folder / name;
    }
    static std::string first_problem(const fs::path& file) {
        const auto config = load(file, {});
        return config ? "" : to_string(config.error().at(0));
    }
    fs::path folder;
};

std::string yaml_problem(std::string_view text) {
    const auto tree = parse_yaml(text);
    return tree ? "" : to_string(tree.error());
}

}  // namespace

TEST_F(LoadConfig, CountsRelativePathsFromTheFile) {
    const auto file = write("a.yaml", as_model("backend: gguf_native, path: sub/../m.gguf"));
    EXPECT_EQ(load(file, {})->models[0].local->path, folder / "m.gguf");
}

TEST_F(LoadConfig, ReadsDotenvBesideTheFileAndPrefersTheEnvironment) {
    write(".env", "MAX_CONCURRENT_LLMS=5\nFILE=dotenv.gguf\n");
    const auto file = write("a.yaml", as_model("backend: gguf_native, path: \"${FILE}\""));
    EXPECT_EQ(load(file, {})->memory.max_concurrent_llms, 5);
    EXPECT_EQ(load(file, {})->models[0].local->path, folder / "dotenv.gguf");
    EXPECT_EQ(load(file, environment({{"FILE", "real.gguf"}}))->models[0].local->path, folder / "real.gguf");
}

TEST_F(LoadConfig, SaysPlainlyWhyAFileCannotBeRead) {
    EXPECT_EQ(first_problem(folder / "none.yaml"),
              (folder / "none.yaml").string() + ": no such file; expected a YAML file");
    EXPECT_EQ(first_problem(folder), folder.string() + ": a directory; expected a file");
    EXPECT_TRUE(first_problem(write("a", "") / "b").contains("Not a directory"));
    EXPECT_TRUE(first_problem(write("big.yaml", std::string((1U << 20U) + 1, ' '))).contains("at most 1024 KiB"));
    EXPECT_TRUE(first_problem("/dev/zero").contains("at most 1024 KiB"));
    ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(first_problem(folder / "pipe"),
              (folder / "pipe").string() + ": a pipe that nobody writes to; expected a file");
    const auto secret = write("secret.yaml", "");
    ASSERT_EQ(chmod(secret.c_str(), 0), 0);
    if (geteuid() != 0) {  // nothing is closed to root
        EXPECT_TRUE(first_problem(secret).contains("Permission denied"));
    }
    const auto problems = load(folder, {}).error();
    EXPECT_EQ(report(folder.string(), problems), folder.string() + ": a directory; expected a file\n");
}

TEST_F(LoadConfig, ReportsAWrongDotenvBesideTheProblemsOfTheFile) {
    write(".env", "oops\n");
    const auto config = load(write("a.yaml", "sever: 1\n"), {});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().size(), 3U);  // the key, the missing models, the line of .env
}

TEST(ConfigYaml, ReportsSyntaxErrorsWithLineAndColumn) {
    EXPECT_TRUE(yaml_problem("a: 1\nb: [1, 2\nc: 3\n").starts_with("line 3, column "))
        << yaml_problem("a: 1\nb: [1, 2\nc: 3\n");
    EXPECT_TRUE(yaml_problem("a: 1\n\tb: 2\n").starts_with("line 2, column "));
    EXPECT_TRUE(yaml_problem("a: \"x").contains("not valid YAML"));
    EXPECT_TRUE(yaml_problem("a: *b").contains("not valid YAML"));
    EXPECT_TRUE(yaml_problem("a: \"\\é\"").contains("\\xc3")) << "what it quotes is fit to be printed";
}

TEST(ConfigYaml, KeepsRepeatedKeysSoThatTheyCanBeReported) {
    const auto tree = parse_yaml("a: 1\na: 2\n");
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->keys, (std::vector<std::string>{"a", "a"}));
    EXPECT_EQ(tree->key_marks[1].line, 2);
}

TEST(ConfigYaml, FollowsAliasesButNotIntoThemselves) {
    const auto tree = parse_yaml("a: &x {b: 1}\nc: *x\n");
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->items[1].items[0].text, "1");
    EXPECT_TRUE(yaml_problem("a: &x [*x]").contains("an alias to what encloses it"));
}

TEST(ConfigYaml, RefusesASecondDocumentAndKeysThatAreNoNames) {
    EXPECT_EQ(yaml_problem("a: 1\n---\nb: 1\n"),
              "line 3: a second document; expected a single one, without \"---\" in between");
    EXPECT_EQ(yaml_problem("? [a]\n: 1\n"), "line 1, column 3: a list as a key; expected a name");
}

TEST(ConfigYaml, RefusesWhatIsNotText) {
    EXPECT_EQ(yaml_problem("a: 1\nb: \xff\n"), "line 2, column 4: byte 0xff; expected UTF-8 text");
    EXPECT_EQ(yaml_problem(std::string_view("a\0b", 3)),
              "line 1, column 2: control character 0x00; expected UTF-8 text");
}

TEST(ConfigYaml, RefusesHostileTextQuickly) {
    const auto start = std::chrono::steady_clock::now();
    const auto many = [](std::string_view part, std::size_t count) {
        std::string text;
        for (std::size_t i = 0; i < count; ++i) text += part;
        return text;
    };
    EXPECT_TRUE(yaml_problem(many("[", 100'000)).contains("nested too deeply"));
    EXPECT_TRUE(yaml_problem(many("{a: ", 100'000)).contains("nested too deeply"));
    EXPECT_TRUE(yaml_problem(many("- ", 100'000)).contains("nested too deeply"));
    EXPECT_FALSE(yaml_problem(many("? ", 100'000)).empty());
    EXPECT_TRUE(yaml_problem(many("- 1\n", 100'000)).contains("at most 10000 values"));
    EXPECT_TRUE(yaml_problem(std::string(2U << 20U, ' ')).contains("at most 1024 KiB"));
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 20; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
                many("*a" + std::to_string(i - 1) + ", ", 9) + "1]\n";
    }
    EXPECT_TRUE(yaml_problem(bomb).contains("too large"));
    EXPECT_TRUE(yaml_problem("a: &a " + std::string(500'000, 'x') + "\nb: [" + many("*a, ", 1000) + "1]")
                    .contains("too large"));
    // Generous: a hang is what this is about.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace sarai::config::load_test
