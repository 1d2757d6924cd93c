#include "cli/fit_view.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "config/load.hpp"

namespace sarai::cli::fit_view_test {
namespace {

namespace json = boost::json;

config::Config load(std::string_view text) {
    auto config = config::load_text(text, "/etc/sarai", {});
    EXPECT_TRUE(config.has_value()) << (config ? "" : config::report("", config.error())) << text;
    return config.value_or(config::Config{});
}

FitReport two_models() {
    FitReport report{
        .config = load("models: {solar: {backend: gguf_native, path: s.gguf}, embed: {backend: gguf_native, "
                       "kind: embedding, path: e.gguf}}"),
        .names = {"solar", "embed"},
        .configured = {{.model = "/m/s.gguf"}, {.model = "/m/e.gguf", .embedding = true}},
        .fit = {},
        .budget = GiB(8),
        .own = MiB(32),
        .machine_budget = GiB(15)};
    memory::Fitted solar{.shape = report.configured[0],
                         .plan = {.lines = {{"weights", MiB(6160)}, {"kv_cache", MiB(204)}, {"mmproj", MiB(500)}}},
                         .ideal = report.configured[0],
                         .next = report.configured[0],
                         .next_cost = MiB(1100)};
    solar.shape.kv_cache_type = "q8_0";
    solar.ideal.context_length = 4096;
    solar.next->context_length = 4096;
    memory::Fitted embed{
        .shape = report.configured[1], .plan = {.lines = {{"weights", MiB(400)}}}, .ideal = report.configured[1]};
    report.fit = {.models = {solar, embed}, .total = MiB(7264), .errors = MiB(70), .possible = true};
    return report;
}

// See plan_view_test.cpp.
void expect_golden(const std::string& name, const std::string& text) {
    const std::string path = SARAI_TEST_DATA "/plan/" + name;
    if (std::getenv("SARAI_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
    std::ifstream file(path);
    EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << path;
}

const Screen screen{.width = 90, .unicode = true, .style = {}};

}  // namespace

TEST(FitView, ShowsWhatWasChosenWhyAndWhatTheNextStepTakes) {
    expect_golden("fit.txt", fit_text(two_models(), screen));
}

TEST(FitView, SaysByHowMuchItIsImpossibleAndWhatWouldHelp) {
    auto report = two_models();
    report.fit.possible = false;
    report.budget = GiB(6);
    report.machine_budget = GiB(5);
    report.notes = {"degraded: big lost: the fallback would not fit"};
    expect_golden("fit_impossible.txt", fit_text(report, screen));
    const auto printed = json::parse(fit_json(report)).as_object();
    EXPECT_FALSE(printed.at("possible").as_bool());
    EXPECT_EQ(printed.at("missing_bytes").as_int64(), (MiB(7264 + 70 + 32) - GiB(6)).count);
    EXPECT_FALSE(printed.contains("configuration"));
}

TEST(FitView, PrintsJsonForScripts) {
    const auto printed = json::parse(fit_json(two_models())).as_object();
    EXPECT_TRUE(printed.at("possible").as_bool());
    EXPECT_EQ(printed.at("needed_bytes").as_int64(), MiB(7366).count);
    const auto& solar = printed.at("models").at(0).as_object();
    EXPECT_EQ(solar.at("kv_cache_type").as_string(), "q8_0");
    EXPECT_EQ(solar.at("next").at("bytes").as_int64(), MiB(1100).count);
    EXPECT_EQ(solar.at("without_budget").as_string(), "context 4096, KV f16");
    EXPECT_TRUE(printed.at("models").at(1).at("next").is_null());
    (void)load(printed.at("configuration").as_string());
}

}  // namespace sarai::cli::fit_view_test
