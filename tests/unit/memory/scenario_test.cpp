#include "memory/scenario.hpp"

#include <gmock/gmock.h>

namespace sarai::memory::scenario_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Its error bar is 1 % of it.
ModelPlan of(Bytes total) { return {.lines = {{"weights", total}}}; }
ScenarioModel local(std::string name, Bytes total) { return {.name = std::move(name), .local = of(total)}; }
ScenarioModel remote(std::string name, std::string server) {
    return {.name = std::move(name), .servers = {std::move(server)}, .local = {}};
}
ScenarioModel behind(ScenarioModel model, std::vector<std::string> servers,
                     std::vector<std::string> may_displace = {}) {
    model.servers = std::move(servers);
    model.on_loss = "local";
    model.may_displace = std::move(may_displace);
    return model;
}

const Limits limits{.budget = GiB(12), .machine = GiB(16), .reserve = GiB(1), .own = {}, .max_llms = 8};

// The degraded scenarios alone.
std::vector<Scenario> degraded(std::span<const ScenarioModel> models, const Limits& within = limits) {
    auto all = scenarios_of(models, within);
    all.erase(all.begin(), all.begin() + 2);
    return all;
}

TEST(Scenarios, NativeHasEveryModelHereThatHasAFileAndHybridWhatIsConfigured) {
    const std::vector<ScenarioModel> models{behind(local("solar", GiB(7)), {"box"}), local("lfm2", GiB(1)),
                                            remote("cloud", "wan")};
    const auto all = scenarios_of(models, limits);
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all[0].kind, ScenarioKind::native);
    EXPECT_THAT(all[0].roles, ElementsAre(Role::here, Role::here, Role::remote));
    EXPECT_EQ(all[0].models, GiB(8));
    EXPECT_EQ(all[1].kind, ScenarioKind::hybrid);
    EXPECT_THAT(all[1].roles, ElementsAre(Role::remote, Role::here, Role::remote));
    EXPECT_EQ(all[1].models, GiB(1));
    EXPECT_EQ(title_of(all[0], models), "native");
    EXPECT_EQ(title_of(all[2], models), "degraded: solar lost");
    EXPECT_EQ(title_of(all[3], models), "degraded: cloud lost");
}

TEST(Scenarios, AModelIsLostWithTheLastOfItsServersAndModelsOfTheSameServersAreLostTogether) {
    const std::vector<ScenarioModel> models{remote("a", "x"), behind(local("b", GiB(1)), {"y", "x"}),
                                            behind(local("c", GiB(1)), {"x", "y"}), local("d", GiB(1))};
    const auto lost = degraded(models);
    ASSERT_EQ(lost.size(), 2U);
    EXPECT_THAT(lost[0].lost, ElementsAre(0U));          // x alone: b and c still have y
    EXPECT_THAT(lost[1].lost, ElementsAre(0U, 1U, 2U));  // x and y
    EXPECT_EQ(title_of(lost[1], models), "degraded: a, b, c lost");
    EXPECT_THAT(lost[1].roles, ElementsAre(Role::refused, Role::fallback, Role::fallback, Role::here));
    EXPECT_EQ(lost[1].models, GiB(3));
}

TEST(Scenarios, AFallbackDisplacesOnlyAsFarAsItNeedsInTheListedOrder) {
    std::vector<ScenarioModel> models{behind(local("solar", GiB(7)), {"box"}, {"small", "omni", "lfm2"}),
                                      local("lfm2", GiB(1)), local("omni", GiB(5)), local("small", GiB(1))};
    // More than all error bars together.
    const auto limits_of = [](Bytes budget) { return Limits{.budget = budget + MiB(200), .own = {}, .max_llms = 8}; };
    const auto room = [&](Bytes budget) { return degraded(models, limits_of(budget)).front(); };
    EXPECT_THAT(room(GiB(14)).displaced, IsEmpty());
    EXPECT_TRUE(room(GiB(14)).fits(limits_of(GiB(14))));
    EXPECT_THAT(room(GiB(13)).displaced, ElementsAre(3U));
    EXPECT_THAT(room(GiB(12)).displaced, ElementsAre(2U)) << "the next one is enough by itself";
    EXPECT_THAT(room(GiB(12)).roles, ElementsAre(Role::fallback, Role::here, Role::displaced, Role::here));
    EXPECT_EQ(room(GiB(12)).models, GiB(9));
    EXPECT_THAT(room(GiB(8)).displaced, ElementsAre(3U, 2U));
    EXPECT_THAT(room(GiB(7)).displaced, ElementsAre(3U, 2U, 1U));
    EXPECT_TRUE(room(GiB(7)).fits(limits_of(GiB(7))));
    EXPECT_EQ(room(GiB(6)).models, GiB(7));
    EXPECT_FALSE(room(GiB(6)).fits(limits_of(GiB(6))));
}

TEST(Scenarios, WithoutLeaveToDisplaceAFallbackComesOnTop) {
    const std::vector<ScenarioModel> models{behind(local("solar", GiB(7)), {"box"}), local("omni", GiB(6))};
    const auto lost = degraded(models).front();
    EXPECT_THAT(lost.displaced, IsEmpty());
    EXPECT_EQ(lost.models, GiB(13));
    EXPECT_FALSE(lost.fits(limits));
    EXPECT_TRUE(lost.fits_machine(limits));  // 16 − 1 GiB
}

TEST(Scenarios, TheUpperEndsOfErrorBarsHaveToFitSinceAdmissionReservesThem) {
    const std::vector<ScenarioModel> models{behind(local("solar", GiB(8)), {"box"}, {"omni"}), local("omni", GiB(4))};
    const auto error = of(GiB(8)).error() + of(GiB(4)).error();
    ASSERT_GT(error, Bytes{});
    auto within = limits;
    within.budget = GiB(12) + error;
    auto native = scenarios_of(models, within).front();
    EXPECT_EQ(native.errors, error);
    EXPECT_EQ(native.needed(within), GiB(12) + error);
    EXPECT_TRUE(native.fits(within));
    EXPECT_THAT(degraded(models, within).front().displaced, IsEmpty());
    within.budget -= Bytes{1};
    EXPECT_FALSE(native.fits(within));
    EXPECT_THAT(degraded(models, within).front().displaced, ElementsAre(1U));
}

TEST(Scenarios, SaraiItselfTheReserveAndTheNumberOfGenerativeModelsCount) {
    std::vector<ScenarioModel> models{behind(local("a", GiB(6)), {"box"}, {"b"}), local("b", GiB(6)), local("e", {})};
    models[2].generative = false;
    auto within = limits;
    within.budget = GiB(12) + of(GiB(6)).error() + of(GiB(6)).error();
    EXPECT_TRUE(scenarios_of(models, within).front().fits(within));
    within.own = MiB(32);
    EXPECT_FALSE(scenarios_of(models, within).front().fits(within));
    within.budget = GiB(20);
    within.max_llms = 1;
    EXPECT_TRUE(scenarios_of(models, within)[0].fits(within));
    EXPECT_FALSE(scenarios_of(models, within)[0].holds(within));
    EXPECT_TRUE(scenarios_of(models, within)[1].holds(within));
    EXPECT_THAT(degraded(models, within).front().displaced, ElementsAre(1U));  // memory is there, its place is needed
    within.machine = GiB(13);
    EXPECT_FALSE(scenarios_of(models, within)[0].fits_machine(within));
    EXPECT_TRUE(scenarios_of(models, within)[1].fits_machine(within));
}

TEST(Scenarios, AnotherModelAnswersIfItIsThere) {
    std::vector<ScenarioModel> models{remote("big", "box"),   local("lfm2", GiB(1)),
                                      remote("cloud", "wan"), behind(local("solar", GiB(12)), {"box"}, {"lfm2"}),
                                      remote("odd", "box"),   remote("even", "box")};
    models[0].on_loss = "lfm2";
    models[3].may_displace = {};
    models[4].on_loss = "even";
    models[5].on_loss = "odd";
    auto lost = degraded(models).front();
    EXPECT_EQ(lost.roles[0], Role::replaced);
    EXPECT_EQ(lost.answered_by[0], 1U);
    EXPECT_EQ(lost.roles[4], Role::refused);  // each would ask the other
    models[0].on_loss = "cloud";
    EXPECT_EQ(degraded(models).front().answered_by[0], 2U);
    models[0].on_loss = "solar";
    EXPECT_EQ(degraded(models).front().answered_by[0], 3U);
    models[0].on_loss = "lfm2";
    models[3].may_displace = {"lfm2"};
    EXPECT_EQ(degraded(models).front().roles[0], Role::refused);  // lfm2 had to go
}

TEST(Scenarios, AFileThatCannotBePlannedProvesNothing) {
    std::vector<ScenarioModel> models{behind(local("solar", GiB(1)), {"box"}), local("lfm2", GiB(1))};
    models[0].local = fail(Code::corrupt_file, "broken");
    const auto all = scenarios_of(models, limits);
    EXPECT_FALSE(all[0].fits(limits));
    EXPECT_FALSE(all[0].fits_machine(limits));
    EXPECT_TRUE(all[1].fits(limits));  // as configured it is not needed
    EXPECT_FALSE(all[2].fits(limits));
    EXPECT_EQ(all[2].models, GiB(1));
}

TEST(Components, AddUpToThePlansTotal) {
    const ModelPlan plan{.lines = {{"weights", {1}},
                                   {"weights_mapped", {2}},
                                   {"kv_cache", {4}},
                                   {"recurrent_state", {8}},
                                   {"checkpoints", {16}},
                                   {"compute", {32}},
                                   {"output", {64}},
                                   {"mmproj", {128}},
                                   {"mmproj_compute", {256}},
                                   {"prompt_cache", {512}},
                                   {"overhead", {1024}}}};
    const auto sums = components_of(plan);
    EXPECT_EQ(sums.weights, Bytes{3});
    EXPECT_EQ(sums.state, Bytes{28});
    EXPECT_EQ(sums.compute, Bytes{96});
    EXPECT_EQ(sums.projector, Bytes{384});
    EXPECT_EQ(sums.prompt_cache, Bytes{512});
    EXPECT_EQ(sums.overhead, Bytes{1024});
}

}  // namespace
}  // namespace sarai::memory::scenario_test
