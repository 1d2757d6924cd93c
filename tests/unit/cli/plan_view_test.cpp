#include "cli/plan_view.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace sarai::cli::plan_view_test {
namespace {

namespace json = boost::json;
using memory::ModelPlan;
using memory::ScenarioKind;
using memory::ScenarioModel;
using testing::HasSubstr;
using testing::Not;

// The reference system, in figures that are easy to follow.
PlanReport reference(Bytes budget = GiB(12)) {
    const auto plan = [](std::int64_t weights, std::int64_t kv, std::int64_t compute) {
        return ModelPlan{.lines = {{"weights", MiB(weights)},
                                   {"kv_cache", MiB(kv)},
                                   {"compute", MiB(compute)},
                                   {"overhead", MiB(40)}},
                         .architecture = "llama"};
    };
    ScenarioModel solar{.name = "solar", .servers = {"box"}, .local = plan(6160, 384, 80), .on_loss = "local"};
    ScenarioModel lfm2{.name = "lfm2", .local = plan(700, 24, 30), .estimate = MiB(900)};
    ScenarioModel omni{.name = "omni", .local = plan(4460, 112, 90)};
    (*omni.local)->lines.push_back({"mmproj", MiB(1500)});
    (*omni.local)->lines.push_back({"prompt_cache", MiB(64)});
    ScenarioModel embed{.name = "embed", .generative = false, .local = plan(320, 6, 10)};
    PlanReport report{
        .models = {solar, lfm2, omni, embed},
        .backends = {"ollama_http", "gguf_native", "gguf_native", "gguf_native"},
        .limits = {.budget = budget, .machine = GiB(16), .reserve = GiB(1), .own = MiB(32), .max_llms = 3},
        .scenarios = {},
        .native = {},
        .estimates = {.native = Bytes{19'100'000'000}, .hybrid = Bytes{7'500'000'000}, .system = Bytes{1'500'000'000}}};
    report.models[0].may_displace = {"omni"};
    report.scenarios = memory::scenarios_of(report.models, report.limits);
    report.native = report.scenarios.front();
    return report;
}

// With SARAI_WRITE_GOLDEN set the files are written instead of compared; look at the difference before you commit it.
void expect_golden(const std::string& name, const std::string& text) {
    const std::string path = SARAI_TEST_DATA "/plan/" + name;
    if (std::getenv("SARAI_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
    std::ifstream file(path);
    EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << path;
}

const Screen screen{.width = 100, .unicode = true, .style = {}};

}  // namespace

TEST(PlanView, PutsScenariosSideBySideWithTablesPicturesAndVerdicts) {
    expect_golden("reference.txt", plan_text(reference(), {}, screen));
}

TEST(PlanView, ShowsWhatDoesNotFitOnAnAsciiTerminalOfAnyWidth) {
    expect_golden("small_budget.txt", plan_text(reference(GiB(6)), {}, {.width = 60, .unicode = false, .style = {}}));
}

TEST(PlanView, TellsHowSureEachPlanIsAndByHowManyLoads) {
    auto report = reference();
    const auto text = [&](const Screen& on) {
        report.scenarios = memory::scenarios_of(report.models, report.limits);
        return plan_text(report, {}, on);
    };
    EXPECT_THAT(text(screen), HasSubstr("794 MiB  ± 7.9 MiB (0)"));
    (*report.models[1].local)->learned = memory::Learned{.loads = 3, .peak = MiB(700), .requests = 9};
    EXPECT_THAT(text(screen), HasSubstr("794 MiB  ± 2.0 MiB (3)"));
    (*report.models[1].local)->learned->peak = MiB(814);
    EXPECT_THAT(text({.width = 100, .unicode = false, .style = {}}), HasSubstr("+- 20 MiB (3)"));
}

TEST(PlanView, TellsWhatWasChangedAndTheDifference) {
    const auto before = reference();
    auto after = reference();
    (*after.models[0].local)->lines[1].bytes = MiB(1536);
    (*after.models[1].local)->lines[1].bytes = MiB(12);
    after.limits.machine = GiB(8);
    after.limits.budget = GiB(7);
    after.scenarios = memory::scenarios_of(after.models, after.limits);
    after.native = after.scenarios.front();
    const Comparison comparison{
        .changes = {"context_length of solar: 8192 instead of 2048", "RAM of the machine: 8.00 GiB"}, .before = before};
    const auto text = plan_text(after, comparison, screen);
    expect_golden("what_if.txt", text);
    const auto printed = json::parse(plan_json(after, comparison)).as_object();
    EXPECT_EQ(printed.at("what_if").at("difference_bytes").as_int64(), MiB(-12).count);
    EXPECT_EQ(printed.at("what_if").at("changes").as_array().size(), 2U);
}

TEST(PlanView, OfFilesAloneIsOneTable) {
    auto plan = reference();
    plan.models.erase(plan.models.begin());
    plan.backends.erase(plan.backends.begin());
    plan.estimates = {};
    plan.models[0].estimate.reset();
    plan.scenarios = {memory::scenarios_of(plan.models, plan.limits)[1]};
    plan.native.reset();
    expect_golden("files.txt", plan_text(plan, {}, screen));
}

TEST(PlanView, NamesFilesThatCannotBePlannedAndProvesNothingOfThem) {
    auto plan = reference();
    plan.models[2].local = fail(Code::corrupt_file, "omni.gguf is empty");
    plan.scenarios = memory::scenarios_of(plan.models, plan.limits);
    plan.native = plan.scenarios.front();
    const auto text = plan_text(plan, {}, screen);
    EXPECT_THAT(text, HasSubstr("omni: omni.gguf is empty"));
    EXPECT_THAT(text, HasSubstr("budget 12.00 GiB: unknown, some files cannot be planned"));
    EXPECT_THAT(text, Not(HasSubstr(": fits")));
    EXPECT_EQ(plan_status(plan, false), 1);
    EXPECT_FALSE(json::parse(plan_json(plan, {})).at("fits").as_bool());
}

TEST(PlanView, KeepsTheNamesThatScriptsRead) {
    const auto plan = reference();
    const auto printed = json::parse(plan_json(plan, {})).as_object();
    ASSERT_EQ(printed.at("models").as_array().size(), 4U);
    EXPECT_EQ(printed.at("models").at(0).at("backend").as_string(), "ollama_http");
    EXPECT_EQ(printed.at("models").at(0).at("total_bytes").as_int64(), 0);
    EXPECT_EQ(printed.at("models").at(1).at("lines").at(0).at("what").as_string(), "weights");
    EXPECT_EQ(printed.at("fallbacks").at(0).at("name").as_string(), "solar");
    EXPECT_EQ(printed.at("fallbacks").at(0).at("total_bytes").as_int64(), MiB(6664).count);
    EXPECT_EQ(printed.at("total_bytes").as_int64(), plan.scenarios[1].models.count);
    EXPECT_EQ(printed.at("own_bytes").as_int64(), MiB(32).count);
    EXPECT_EQ(printed.at("budget_bytes").as_int64(), GiB(12).count);
    EXPECT_TRUE(printed.at("fits").as_bool());
    EXPECT_FALSE(printed.contains("what_if"));

    const auto& scenarios = printed.at("scenarios").as_array();
    ASSERT_EQ(scenarios.size(), 3U);
    EXPECT_EQ(scenarios[0].at("name").as_string(), "native");
    EXPECT_FALSE(scenarios[0].at("fits").as_bool());
    EXPECT_TRUE(scenarios[0].at("fits_machine").as_bool());
    EXPECT_GT(scenarios[0].at("missing_bytes").as_int64(), 0);
    EXPECT_TRUE(scenarios[0].at("saving_bytes").is_null());
    EXPECT_EQ(scenarios[0].at("estimate_bytes").as_int64(), 19'100'000'000);
    EXPECT_EQ(scenarios[1].at("saving_bytes").as_int64(), MiB(6664).count);
    EXPECT_EQ(scenarios[2].at("name").as_string(), "degraded");
    EXPECT_EQ(scenarios[2].at("lost").at(0).as_string(), "solar");
    EXPECT_EQ(scenarios[2].at("displaced").at(0).as_string(), "omni");
    EXPECT_EQ(scenarios[2].at("models").at(2).at("role").as_string(), "displaced");
    EXPECT_EQ(scenarios[2].at("needed_bytes").as_int64(),
              scenarios[2].at("pessimistic_bytes").as_int64() + MiB(32).count);
    EXPECT_GT(scenarios[2].at("pessimistic_bytes").as_int64(), scenarios[2].at("total_bytes").as_int64());
    EXPECT_TRUE(scenarios[2].at("fits").as_bool());
}

TEST(PlanView, TheStatusIsThatOfTheConfiguredScenarioAndWithStrictOfTheDegradedOnesToo) {
    EXPECT_EQ(plan_status(reference(), true), 0);  // native does not fit, and nobody asked for it alone
    auto tight = reference(GiB(8));
    tight.models[0].may_displace.clear();
    tight.scenarios = memory::scenarios_of(tight.models, tight.limits);
    EXPECT_EQ(plan_status(tight, false), 0);
    EXPECT_EQ(plan_status(tight, true), 4);
    EXPECT_EQ(plan_status(reference(GiB(4)), false), 4);
    auto native = reference();
    native.scenarios.resize(1);
    EXPECT_EQ(plan_status(native, false), 4);
}

}  // namespace sarai::cli::plan_view_test
