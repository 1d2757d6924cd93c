#include <fstream>
#include <iterator>

#include "support.hpp"

namespace sarai::config::problems_test {
namespace {

std::string golden(const std::string& name) {
    std::ifstream stream(SARAI_TEST_DATA "/config/" + name);
    EXPECT_TRUE(stream.is_open()) << name;
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST(ConfigProblems, AreAllReportedAtOnceInTheOrderOfTheFile) {
    const auto text = golden("problems.yaml");
    EXPECT_EQ(problems_of(text, environment({{"SARAI_MEMORY_MAX_RAM_GB", "-1"}, {"SARAI_MEMORY_POLCY", "x"}})),
              golden("problems.txt"));
}

TEST(ConfigProblems, AreReportedAsEditorsReadThem) {
    const auto config = load_text("server: 5\nmodels: {m: {backend: gguf_native, path: x}}", "/", {});
    ASSERT_FALSE(config);
    EXPECT_EQ(report("a.yaml", config.error()),
              "a.yaml:1:9: server: \"5\"; expected keys and values, such as \"key: value\"\n");
}

TEST(ConfigProblems, DoNotLetHostileTextReachTheTerminal) {
    EXPECT_EQ(printable("a\x1b[2Jb\nc\x80"), "a\\x1b[2Jb\\nc\\x80");
    EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
    EXPECT_EQ(printable("é€"), "é€");
    EXPECT_EQ(printable(std::string(100, 'x')), std::string(80, 'x') + "…");
    EXPECT_EQ(problems_of("\"\\e[2J\": 1\nmodels: {m: {backend: gguf_native, path: x}}"),
              "line 1, column 1: \\x1b[2J: unknown key\n");
}

TEST(ConfigProblems, NeverShowASecret) {
    const auto text = problems_of(R"(
models:
  m:
    backend: openai_http
    endpoints:
      - {url: "http://user:hunter2@box/v1", api_key: "sesame\nopen"}
)");
    EXPECT_FALSE(text.contains("sesame")) << text;
    EXPECT_FALSE(text.contains("hunter2")) << text;
    EXPECT_TRUE(text.contains("endpoints[0].api_key: not printed here; expected text, without control characters"))
        << text;
    EXPECT_TRUE(text.contains("\"http://***@box/v1\"")) << text;
}

}  // namespace sarai::config::problems_test
