#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>

#include "cli/curve.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

namespace sarai::cli::router_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto* lines = R"({"text": "Explain how a mutex works in C++", "label": "hard", "lang": "en"}
{"text": "me siento muy sola hoy, abrázame", "label": "soft", "lang": "es"}
{"text": "weather in Dublin tomorrow", "label": "web_query", "also": ["soft"], "lang": "en"}
)";

class RouterCommand : public testing::Test {
protected:
    std::string file(std::string_view text) {
        const auto path = folder_.path() / "my.jsonl";
        std::ofstream(path) << text;
        return path.string();
    }
    World world_;
    test::TempFolder folder_;
};

TEST_F(RouterCommand, EvalMeasuresTheBuiltInWeightsWithoutAServer) {
    ASSERT_EQ(world_.run({"router", "eval", file(lines), "--json"}), 0) << world_.err.str();
    const auto found = boost::json::parse(world_.out.str());
    EXPECT_EQ(found.at("prompts").as_int64(), 3);
    EXPECT_EQ(found.at("weights").as_string(), "trm-router");
    EXPECT_GE(found.at("accuracy_with_also").to_number<double>(), found.at("accuracy").to_number<double>());
    EXPECT_EQ(found.at("confusion").at("soft").as_object().size(), 3U);
    EXPECT_EQ(found.at("classes").at("hard").at("support").as_int64(), 1);
}

TEST_F(RouterCommand, EvalShowsATableAndTheMistakes) {
    ASSERT_EQ(world_.run({"router", "eval",
                          file(R"({"text": "Explain how a mutex works in C++", "label": "soft", "lang": "en"})"),
                          "--size", "mini", "--errors"}),
              0)
        << world_.err.str();
    EXPECT_THAT(world_.out.str(),
                AllOf(HasSubstr("trm-mini"), HasSubstr("PRECISION"), HasSubstr("soft → hard"), HasSubstr("mutex")));
}

TEST_F(RouterCommand, DataThatIsWrongIsNamedByFileLineAndField) {
    EXPECT_EQ(world_.run({"router", "eval", file("{\"text\": \"a\", \"label\": \"easy\", \"lang\": \"en\"}\n")}), 2);
    EXPECT_THAT(world_.err.str(), AllOf(HasSubstr("my.jsonl:1: label: \"easy\""), HasSubstr("expected")));
    EXPECT_EQ(world_.run({"router", "eval", (folder_.path() / "none.jsonl").string()}), 1);
    EXPECT_EQ(world_.run({"router", "eval", file(lines), "--weights", file(lines)}), 1) << "no GGUF file";
}

TEST_F(RouterCommand, ExplainTellsScoresWordsAndSimilarPrompts) {
    ASSERT_EQ(world_.run({"router", "explain", "Explain", "how a mutex works", "--data", file(lines)}), 0)
        << world_.err.str();
    EXPECT_THAT(world_.out.str(), AllOf(HasSubstr("familiar"), HasSubstr("language en"), HasSubstr("EFFECT"),
                                        HasSubstr("Explain how a mutex works in C++")));
    World other;
    ASSERT_EQ(other.run({"router", "explain", "Explain how a mutex works", "--json", "--data", "/nowhere"}), 0);
    const auto found = boost::json::parse(other.out.str());
    EXPECT_EQ(found.at("best").as_string(), "hard");
    EXPECT_TRUE(found.at("similar").as_array().empty());
    EXPECT_FALSE(found.at("influences").as_array().empty());
}

TEST_F(RouterCommand, ExplainReadsWhatIsPipedInAndWantsSomething) {
    world_.in.str("weather in Dublin tomorrow");
    EXPECT_EQ(world_.run({"router", "explain", "--json", "--data", "/nowhere"}), 0);
    EXPECT_THAT(world_.out.str(), HasSubstr("\"best\":\"web_query\""));
    World empty;
    EXPECT_EQ(empty.run({"router", "explain"}), 2);
    EXPECT_THAT(empty.err.str(), HasSubstr("PROMPT is missing"));
}

TEST_F(RouterCommand, WrongUsageIsRefused) {
    EXPECT_EQ(world_.run({"router"}), 2);
    EXPECT_EQ(world_.run({"router", "trian"}), 2);
    EXPECT_THAT(world_.err.str(), HasSubstr("did you mean train?"));
    EXPECT_EQ(world_.run({"router", "train"}), 2);
    EXPECT_EQ(world_.run({"router", "eval", "x", "--size", "huge"}), 2);
    EXPECT_EQ(world_.run({"router", "train", file(lines)}), 2) << "three prompts are too few";
}

TEST(RouterCurves, ShareAnAxisAndKeepWithinTheirWidth) {
    const auto text = render_curves({{"a", {1, 0.5, 0.25}}, {"b", {1, 0.75, 0.6}}}, 40, 5, false);
    EXPECT_EQ(text,
              "1.0000 |*\n"
              "0.8125 |    *\n"
              "0.6250 |        *\n"
              "0.4375 |    o\n"
              "0.2500 |        o\n"
              "       +------------ 3\n"
              "        o a   * b\n");
    const auto wide = render_curves({{"a", std::vector<double>(500, 1.0)}}, 40, 4, true);
    EXPECT_THAT(wide, HasSubstr("500"));
    EXPECT_EQ(render_curves({{"a", {}}}, 40, 5, false), "");
    EXPECT_THAT(render_curves({{"a", {2}}}, 40, 5, false), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace sarai::cli::router_test
