#include <filesystem>
#include <fstream>

#include "cli/server.hpp"
#include "support.hpp"

namespace sarai::cli::arguments_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class CliFiles : public testing::Test {
protected:
    CliFiles() {
        std::string pattern = (fs::temp_directory_path() / "sarai-cli-XXXXXX").string();
        folder = mkdtemp(pattern.data());
        // Whatever lies in the folder that the tests are started from is not theirs.
        before = fs::current_path();
        fs::current_path(folder);
    }
    ~CliFiles() override {
        fs::current_path(before);
        fs::remove_all(folder);
    }
    std::string write(const std::string& name, std::string_view text) {
        fs::create_directories((folder / name).parent_path());
        std::ofstream(folder / name) << text;
        return (folder / name).string();
    }
    World world;
    fs::path folder;
    fs::path before;
    const std::string good = "server: {listen: 127.0.0.1:7777}\nmodels: {m: {backend: gguf_native, path: m.gguf}}\n";
};

}  // namespace

TEST(Cli, ExplainsItselfAndEveryCommandWithExamples) {
    for (const std::vector<std::string>& path : {std::vector<std::string>{},
                                                 {"serve"},
                                                 {"demo"},
                                                 {"run"},
                                                 {"ps"},
                                                 {"plan"},
                                                 {"fit"},
                                                 {"import"},
                                                 {"prove"},
                                                 {"doctor"},
                                                 {"config"},
                                                 {"config", "check"},
                                                 {"version"},
                                                 {"completion"}}) {
        World world;
        auto words = path;
        words.emplace_back("--help");
        EXPECT_EQ(world.run(words), 0);
        EXPECT_THAT(world.out.str(), testing::ContainsRegex("EXAMPLES:\n  .*sarai ")) << testing::PrintToString(path);
        EXPECT_EQ(world.err.str(), "");
        EXPECT_TRUE(world.called.empty());
    }
}

TEST(Cli, PrintsItsVersion) {
    for (const char* word : {"version", "--version"}) {
        World world;
        EXPECT_EQ(world.run({word}), 0);
        EXPECT_THAT(world.out.str(), testing::MatchesRegex("sarai [0-9]+\\.[0-9]+\\.[0-9]+\n"));
    }
}

TEST(Cli, FailsWhereItsOutputCannotBeWritten) {
    for (const std::string word : {"version", "--help"}) {
        World world;
        std::ostream nowhere(nullptr);
        Io io{.in = world.in, .out = nowhere, .err = world.err};
        EXPECT_EQ(run_cli({word}, CliHooks{}, io), 1);
        EXPECT_EQ(world.err.str(), "sarai: cannot write standard output\n");
    }
}

TEST(Cli, NamesTheCommandThatWasProbablyMeant) {
    World world;
    EXPECT_EQ(world.run({"sevre"}), 2);
    EXPECT_EQ(world.err.str(), "sarai: no command \"sevre\"; did you mean serve?; see \"sarai --help\"\n");
    World nested;
    EXPECT_EQ(nested.run({"config", "chekc", "x"}), 2);
    EXPECT_EQ(nested.err.str(), "sarai: no command \"chekc\"; did you mean check?; see \"sarai config --help\"\n");
}

TEST(Cli, RefusesWrongArgumentsWithStatusTwo) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                  {"config"},
                                                  {"run"},
                                                  {"ps", "--jsn"},
                                                  {"ps", "extra"},
                                                  {"plan", "x.gguf", "--ctx", "0"},
                                                  {"plan", "x.gguf", "--ctx", "many"},
                                                  {"plan", "x.gguf", "--scenario", "bad"},
                                                  {"plan", "x.gguf", "--what-if"},
                                                  {"fit", "x.gguf", "--budget", "much"},
                                                  {"completion"},
                                                  {"completion", "tcsh"},
                                                  {"ps", "--url", "http://a", "--config", "b"},
                                                  {"--nothing"},
                                                  {"serve", "--config"}}) {
        World world;
        EXPECT_EQ(world.run(words), 2) << testing::PrintToString(words);
        EXPECT_EQ(world.out.str(), "") << testing::PrintToString(words);
        EXPECT_THAT(world.err.str(), HasSubstr("sarai")) << testing::PrintToString(words);
        EXPECT_TRUE(world.called.empty());
    }
}

TEST_F(CliFiles, DoctorIsGivenTheConfigurationOrWhatIsWrongWithIt) {
    EXPECT_EQ(world.run({"doctor", "--json"}), 42);
    EXPECT_TRUE(world.doctored.json);
    EXPECT_FALSE(world.doctored.file || world.doctored.config);
    const auto good_file = write("good.yaml", good);
    EXPECT_EQ(world.run({"doctor", "--config", good_file}), 42);
    EXPECT_EQ(world.doctored.file, good_file);
    EXPECT_EQ(world.doctored.config->server.port, 7777);
    EXPECT_EQ(world.run({"doctor", "--config", write("bad.yaml", "models: 7\n")}), 42);
    EXPECT_FALSE(world.doctored.config);
    EXPECT_FALSE(world.doctored.problems.empty());
    EXPECT_EQ(world.run({"doctor", "--config", "nowhere.yaml"}), 42);
    EXPECT_FALSE(world.doctored.problems.empty());
}

TEST(Cli, HandsCommandsToTheApplicationAndReturnsItsStatus) {
    World world;
    EXPECT_EQ(world.run({"demo"}), 42);
    EXPECT_EQ(world.run({"prove", "--json"}), 42);
    EXPECT_TRUE(world.proved.json);
    EXPECT_EQ(world.run({"plan", "a.gguf", "b.gguf", "--ctx", "4096", "--json"}), 42);
    EXPECT_THAT(world.planned.files, ElementsAre("a.gguf", "b.gguf"));
    EXPECT_EQ(world.planned.context_length, 4096);
    EXPECT_TRUE(world.planned.json);
    EXPECT_FALSE(world.planned.config.has_value());
    EXPECT_EQ(world.planned.scenario, "all");
    EXPECT_FALSE(world.planned.strict);
    EXPECT_EQ(world.run({"plan", "a.gguf", "--what-if", "ctx=1,kv=f16", "--what-if", "ram=8GiB", "--scenario",
                         "degraded", "--strict"}),
              42);
    EXPECT_EQ(world.planned.what_if, "ctx=1,kv=f16,ram=8GiB");
    EXPECT_EQ(world.planned.scenario, "degraded");
    EXPECT_TRUE(world.planned.strict);
    EXPECT_EQ(world.run({"fit", "a.gguf", "--budget", "12GiB", "--native", "--output", "out.yaml", "--json"}), 42);
    EXPECT_THAT(world.fitted.files, ElementsAre("a.gguf"));
    EXPECT_EQ(world.fitted.budget, GiB(12));
    EXPECT_EQ(world.fitted.output, "out.yaml");
    EXPECT_TRUE(world.fitted.native && world.fitted.json && !world.fitted.force);
    EXPECT_EQ(world.run({"fit", "a.gguf", "--output", "out.yaml", "--force"}), 42);
    EXPECT_TRUE(world.fitted.force);
    EXPECT_THAT(world.called, ElementsAre("demo", "prove", "plan", "plan", "fit", "fit"));
}

TEST_F(CliFiles, ServeTakesTheNamedConfigurationOrFindsOne) {
    const auto file = write("named.yaml", good);
    EXPECT_EQ(world.run({"serve", "--config", file}), 42);
    EXPECT_EQ(world.served.config.server.port, 7777);
    EXPECT_EQ(world.served.config.file, file);

    world.io.environment.variables = {{"SARAI_CONFIG", file}};
    EXPECT_EQ(world.run({"serve"}), 42);

    world.io.environment.variables = {{"HOME", (folder / "home").string()}};
    EXPECT_EQ(world.run({"serve"}), 2);
    EXPECT_THAT(world.err.str(), HasSubstr("no configuration"));
    write("home/.config/sarai/sarai.yaml", good);
    EXPECT_EQ(world.run({"serve"}), 42);
    EXPECT_EQ(world.served.config.file, folder / "home/.config/sarai/sarai.yaml");
    write("config/sarai.yaml", good);
    EXPECT_EQ(world.run({"serve"}), 42);
    EXPECT_EQ(world.served.config.file, "config/sarai.yaml");
    write("sarai.yaml", good);
    EXPECT_EQ(world.run({"serve"}), 42);
    EXPECT_EQ(world.served.config.file, "sarai.yaml");
}

TEST_F(CliFiles, ServeDoesNotStartWithAWrongConfiguration) {
    const auto file = write("wrong.yaml", "sever: 1\nmodels: {m: {backend: gguf_native}}\n");
    EXPECT_EQ(world.run({"serve", "--config", file}), 2);
    EXPECT_TRUE(world.called.empty());
    EXPECT_EQ(world.err.str(),
              "sarai: 2 problems in the configuration\n" + file + ":1:1: sever: unknown key; did you mean server?\n" +
                  file + ":2:10: models.m.path: missing; expected the GGUF file, for backend is gguf_native\n");
}

TEST_F(CliFiles, PlanTakesModelsOfAConfigurationWhereNoFileIsGiven) {
    EXPECT_EQ(world.run({"plan"}), 2);
    EXPECT_THAT(world.err.str(), HasSubstr("nothing to plan"));
    EXPECT_EQ(world.run({"fit"}), 2);
    EXPECT_THAT(world.err.str(), HasSubstr("nothing to fit"));
    write("sarai.yaml", good);
    EXPECT_EQ(world.run({"plan"}), 42);
    ASSERT_TRUE(world.planned.config.has_value());
    EXPECT_EQ(world.planned.config->models.size(), 1U);
    EXPECT_EQ(world.planned.context_length, std::nullopt);
    EXPECT_EQ(world.run({"plan", "a.gguf"}), 42);
    EXPECT_FALSE(world.planned.config.has_value());
}

TEST_F(CliFiles, ConfigCheckSaysWhatAFileIsOrWhatIsWrongWithIt) {
    const auto file = write("a.yaml", good + "memory: {max_ram_gb: 12}\n");
    EXPECT_EQ(world.run({"config", "check", file}), 0);
    EXPECT_EQ(world.out.str(),
              file + ": valid: 1 model (1 local), at most 12.00 GiB, never_unload, listens on 127.0.0.1:7777\n");
    EXPECT_EQ(world.err.str(), "");

    World other;
    const auto wrong = write("b.yaml", "models: {m: {backend: gguf_natve}}\n");
    EXPECT_EQ(other.run({"config", "check", wrong}), 2);
    EXPECT_EQ(other.out.str(), wrong +
                                   ":1:23: models.m.backend: \"gguf_natve\"; expected gguf_native or whisper or "
                                   "ollama_http or openai_http; did you mean gguf_native?\n");
    World missing;
    EXPECT_EQ(missing.run({"config", "check", "none.yaml"}), 2);
    EXPECT_EQ(missing.out.str(), "none.yaml: no such file; expected a YAML file\n");
}

TEST_F(CliFiles, ClientsFindTheirServer) {
    const auto url = [&](const ServerChoice& choice) {
        const auto origin = find_server(choice, world.io);
        return origin ? url_of(*origin) : describe(origin.error());
    };
    EXPECT_EQ(url({}), "http://127.0.0.1:11435");
    EXPECT_EQ(url({.config = write("a.yaml", good)}), "http://127.0.0.1:7777");
    EXPECT_EQ(url({.config = write("6.yaml", "server: {listen: \"[::1]:5\"}\nmodels: {m: {backend: ollama_http}}")}),
              "http://[::1]:5");
    EXPECT_THAT(url({.config = write("0.yaml", "server: {listen: 127.0.0.1:0}\nmodels: {m: {backend: ollama_http}}")}),
                HasSubstr("--url"));
    world.io.environment.variables["SARAI_URL"] = "https://box:1/base/";
    EXPECT_EQ(url({}), "https://box:1/base");
    EXPECT_EQ(url({.url = "http://other:2"}), "http://other:2");
    EXPECT_EQ(url({.config = "a.yaml"}), "http://127.0.0.1:7777");
    world.io.environment.variables["SARAI_URL"] = "box:1";
    EXPECT_THAT(url({}), HasSubstr("SARAI_URL: "));
}

}  // namespace sarai::cli::arguments_test
