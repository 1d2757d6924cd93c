#include "support.hpp"

namespace sarai::config::environment_test {
namespace {

const std::string ollama = "models: {solar: {backend: ollama_http, fallback: gguf_native, path: x}}\n";

std::string url_of(const std::string& text, const Environment& env) {
    const Config config = valid(text, env);
    return config.models.empty() ? "" : config.models[0].remote.value().endpoints.at(0).url;
}

}  // namespace

TEST(ConfigEnvironment, ReplacesVariablesAndTheirDefaults) {
    const auto env = environment({{"A", "x"}, {"EMPTY", ""}});
    const auto path = [&](const std::string& written) {
        return valid(as_model("backend: gguf_native, path: \"" + written + "\""), env).models[0].local->path.string();
    };
    EXPECT_EQ(path("/${A}/${A}.gguf"), "/x/x.gguf");
    EXPECT_EQ(path("/${B:-y}.gguf"), "/y.gguf");
    EXPECT_EQ(path("/${EMPTY:-y}.gguf"), "/y.gguf");
    EXPECT_EQ(path("/m${EMPTY}.gguf"), "/m.gguf");
    EXPECT_EQ(path("/$A.gguf"), "/$A.gguf");
    EXPECT_EQ(path("/$${A}.gguf"), "/${A}.gguf");
}

TEST(ConfigEnvironment, GivesAQuotedVariableTheTypeOfItsKey) {
    const auto env = environment({{"N", "2"}, {"GB", "6"}});
    const Config config = valid(with_model("memory: {max_concurrent_llms: \"${N}\", max_ram_gb: \"${GB}\"}"), env);
    EXPECT_EQ(config.memory.max_concurrent_llms, 2);
    EXPECT_EQ(config.memory.max_ram, GiB(6));
}

TEST(ConfigEnvironment, NamesEveryVariableThatIsNotSet) {
    const auto text = problems_of(as_model("backend: gguf_native, path: \"${ONE}/${TWO}\""));
    EXPECT_TRUE(text.contains("the variable ONE is not set; expected it in the environment or in .env")) << text;
    EXPECT_TRUE(text.contains("the variable TWO is not set")) << text;
    for (const char* wrong : {"${", "${}", "${1A}", "${A B}", "${A:-${B}}", "${A-b}"}) {
        EXPECT_TRUE(problems_of(as_model("backend: gguf_native, path: '" + std::string(wrong) + "'"))
                        .contains("expected ${NAME} or"))
            << wrong;
    }
}

TEST(ConfigEnvironment, DoesNotLetVariablesGrowWithoutBound) {
    std::string uses;
    for (int i = 0; i < 200; ++i) uses += "${BIG}";
    const auto text = problems_of(as_model("backend: gguf_native, path: \"" + uses + "\""),
                                  environment({{"BIG", std::string(100'000, 'x')}}));
    EXPECT_TRUE(text.contains("too long once variables are replaced")) << text.substr(0, 200);
}

TEST(ConfigEnvironment, FindsOllamaWhereItsVariableOrItsDefaultSays) {
    const std::string named = "models: {m: {backend: ollama_http, endpoints: [{url: \"${OLLAMA_BASE_URL}\"}]}}";
    EXPECT_EQ(url_of(named, {}), "http://127.0.0.1:11434");
    EXPECT_EQ(url_of(named, environment({{"OLLAMA_BASE_URL", "http://a:1"}})), "http://a:1");
    EXPECT_EQ(url_of(ollama, {}), "http://127.0.0.1:11434");
    EXPECT_EQ(url_of(ollama, environment({{"OLLAMA_BASE_URL", "http://a:1"}})), "http://a:1");
    EXPECT_EQ(url_of(ollama, environment({{"OLLAMA_BASE_URL", ""}})), "http://127.0.0.1:11434");
    EXPECT_EQ(problems_of(ollama, environment({{"OLLAMA_BASE_URL", "a:1"}})),
              "environment OLLAMA_BASE_URL: \"a:1\"; expected an http:// or https:// URL such as "
              "http://lan-box:11434; did you mean http://a:1?\n");
}

TEST(ConfigEnvironment, OverridesEveryScalarOutsideOfModels) {
    const Config config = valid(with_model("server: {listen: 127.0.0.1:1}\nmemory: {max_ram_gb: 1}"),
                                environment({{"SARAI_SERVER_LISTEN", "[::1]:2"},
                                             {"SARAI_SERVER_DRAIN_TIMEOUT", "3s"},
                                             {"SARAI_MEMORY_MAX_RAM_GB", "4"},
                                             {"SARAI_MEMORY_RESERVE", "2GiB"},
                                             {"MAX_CONCURRENT_LLMS", "7"},
                                             {"SARAI_ENGINE_SERVER_BINARY", "other"}}));
    EXPECT_EQ(config.server.address, "::1");
    EXPECT_EQ(config.server.port, 2);
    EXPECT_EQ(config.server.drain_timeout, 3s);
    EXPECT_EQ(config.memory.max_ram, GiB(4));
    EXPECT_EQ(config.memory.reserve, GiB(2));
    EXPECT_EQ(config.memory.max_concurrent_llms, 7);
    EXPECT_EQ(config.engine.server_binary, "other");
}

TEST(ConfigEnvironment, PrefersTheLongNameAndPassesOverEmptyOnes) {
    const auto count = [](const Environment& env) { return valid(with_model(""), env).memory.max_concurrent_llms; };
    EXPECT_EQ(count(environment({{"MAX_CONCURRENT_LLMS", "7"}, {"SARAI_MEMORY_MAX_CONCURRENT_LLMS", "8"}})), 8);
    EXPECT_EQ(count(environment({{"MAX_CONCURRENT_LLMS", ""}})), 3);
}

TEST(ConfigEnvironment, PutsTheStateElsewhereByAShortName) {
    const auto folder = [](const Environment& env) {
        return valid(with_model("engine: {state_dir: kept}"), env).engine.state_dir;
    };
    EXPECT_EQ(folder({}), "/etc/sarai/kept");
    EXPECT_EQ(folder(environment({{"SARAI_STATE_DIR", "/var/s"}})), "/var/s");
    EXPECT_EQ(folder(environment({{"SARAI_STATE_DIR", "/var/s"}, {"SARAI_ENGINE_STATE_DIR", "/var/e"}})), "/var/e");
}

TEST(ConfigEnvironment, ReportsBadAndUnknownOverridesByTheirName) {
    EXPECT_EQ(problems_of(with_model(""), environment({{"MAX_CONCURRENT_LLMS", "many"}})),
              "environment MAX_CONCURRENT_LLMS: \"many\"; expected a whole number from 1 to 1024\n");
    EXPECT_EQ(problems_of(with_model(""), environment({{"SARAI_MEMORY_MAXRAM_GB", "1"}})),
              "environment SARAI_MEMORY_MAXRAM_GB: unknown variable; did you mean SARAI_MEMORY_MAX_RAM_GB?\n");
    EXPECT_EQ(
        problems_of(with_model(""), environment({{"SARAI_MEMORY_MAX_RAM", "1GiB"}, {"SARAI_MEMORY_MAX_RAM_GB", "1"}})),
        "environment SARAI_MEMORY_MAX_RAM: set together with SARAI_MEMORY_MAX_RAM_GB; expected one of them\n");
    EXPECT_EQ(problems_of(with_model(""), environment({{"SARAI_MEDIA_FETH", "false"}})),
              "environment SARAI_MEDIA_FETH: unknown variable; did you mean SARAI_MEDIA_FETCH?\n");
    EXPECT_EQ(problems_of(with_model(""), environment({{"SARAI_URL", "x"},
                                                       {"SARAI_MEDIA_API_KEY", "of a model with this name"},
                                                       {"SARAI_CONFIG", "x"},
                                                       {"SARAI_LOG", "x"},
                                                       {"SARAI_TOOLBOX", "x"},
                                                       {"SARAI_MIRROR", "x"}})),
              "");
}

TEST(ConfigEnvironment, LetsAModelServeFromItsOwnFileFirst) {
    for (const char* no : {"false", "0", "no", "FALSE"}) {
        const Config config = valid(ollama, environment({{"SOLAR_PREFER_HTTP", no}}));
        EXPECT_FALSE(config.models[0].remote) << no;
        EXPECT_TRUE(config.models[0].local) << no;
    }
    EXPECT_TRUE(valid(ollama, environment({{"SOLAR_PREFER_HTTP", "yes"}})).models[0].remote);
    EXPECT_FALSE(
        valid(ollama, environment({{"SARAI_SOLAR_PREFER_HTTP", "0"}, {"SOLAR_PREFER_HTTP", "1"}})).models[0].remote);
    const std::string remote_only = "models: {qwen2.5: {backend: ollama_http}}";
    EXPECT_TRUE(valid(remote_only, environment({{"SARAI_QWEN2_5_PREFER_HTTP", "0"}})).models[0].remote);
    EXPECT_EQ(problems_of(ollama, environment({{"SOLAR_PREFER_HTTP", "maybe"}})),
              "environment SOLAR_PREFER_HTTP: \"maybe\"; expected true or false\n");
    EXPECT_EQ(problems_of(ollama, environment({{"SARAI_SOLER_PREFER_HTTP", "0"}})),
              "environment SARAI_SOLER_PREFER_HTTP: unknown variable; did you mean SARAI_SOLAR_PREFER_HTTP?\n");
}

TEST(ConfigEnvironment, ReadsDotenvFilesAsShellsDo) {
    std::vector<Problem> problems;
    const auto variables = parse_dotenv(
                               "# comment\r\n\n  export A = x y  # comment\nB='raw $A # \\n'\nC=\"a\\n\\\"b\\\"\" # c\n"
                               "D=\nE=a#b\nF=# nothing\nA=last\n",
                               problems)
                               .variables;
    EXPECT_TRUE(problems.empty());
    const std::map<std::string, std::string, std::less<>> expected{
        {"A", "last"}, {"B", "raw $A # \\n"}, {"C", "a\n\"b\""}, {"D", ""}, {"E", "a#b"}, {"F", ""}};
    EXPECT_EQ(variables, expected);
}

TEST(ConfigEnvironment, ReportsWrongLinesOfDotenvWithoutShowingThem) {
    std::vector<Problem> problems;
    EXPECT_TRUE(parse_dotenv("secret words\nA='torn\n1B=x\nC=\"x\" y\n", problems).variables.empty());
    ASSERT_EQ(problems.size(), 4U);
    EXPECT_EQ(to_string(problems[0]), ".env line 1: not a variable; expected NAME=value");
    EXPECT_EQ(to_string(problems[1]), ".env line 2: the quotes of A do not close; expected NAME=\"value\" on one line");
}

}  // namespace sarai::config::environment_test
