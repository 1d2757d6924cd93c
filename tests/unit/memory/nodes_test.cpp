#include "memory/nodes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "memory/plan.hpp"
#include "memory/scenario.hpp"

namespace sarai::memory::nodes_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NodePlan node(std::string address, Bytes weights, Bytes memory = GiB(8)) {
    return {
        .address = std::move(address), .weights = weights, .context = MiB(256), .compute = MiB(256), .memory = memory};
}

TEST(NodeLedger, CountsWhatAllModelsTakeOnANode) {
    NodeLedger ledger;
    ASSERT_TRUE(ledger.reserve(0, "solar", std::vector{node("a:1", GiB(4)), node("b:1", GiB(2))}));
    const auto refused = ledger.reserve(1, "omni", std::vector{node("b:1", GiB(1)), node("a:1", GiB(4))});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::no_memory);
    EXPECT_THAT(
        refused.error().message,
        HasSubstr(
            "model 'omni' needs 4.50 GiB on the node a:1, which has 8.00 GiB (solar 4.50 GiB): 1.00 GiB are missing"));
    EXPECT_TRUE(ledger.fits(3, "other", std::vector{node("b:1", GiB(5))})) << "nothing of what is refused is kept";
    ASSERT_TRUE(ledger.reserve(1, "omni", std::vector{node("a:1", GiB(3))}));
    EXPECT_FALSE(ledger.fits(3, "other", std::vector{node("a:1", MiB(1))})) << "4.5 and 3.5 of 8 GiB";
    ledger.release(0);
    EXPECT_TRUE(ledger.fits(3, "other", std::vector{node("a:1", GiB(4))}));
    EXPECT_TRUE(ledger.reserve(2, "embed", {})) << "all here";
}

TEST(NodeLedger, AModelThatIsLoadedAgainReplacesItself) {
    NodeLedger ledger;
    ASSERT_TRUE(ledger.reserve(0, "solar", std::vector{node("a:1", GiB(6))}));
    EXPECT_TRUE(ledger.reserve(0, "solar", std::vector{node("a:1", GiB(7))}));
    EXPECT_FALSE(ledger.fits(1, "solar", std::vector{node("a:1", GiB(6))}))
        << "one before and one after a reload are two";
}

TEST(Plan, HasNodesWhereTheLayersAreSpread) {
    const EngineShape shape{.model = "m.gguf", .nodes = {"a:1", "b:2"}, .split = {3, 1}};
    EXPECT_THAT(measure_arguments(shape), testing::IsSupersetOf({"--node", "a:1", "b:2", "--split", "3,1"}));
    EXPECT_EQ(text_of_split({.model = "m.gguf", .nodes = {"a:1", "b:2"}}), "1,1");
    const auto plan = parse_measurement(shape, 0,
                                        R"({"trained_context":1,"lines":[{"what":"weights","bytes":5}],"nodes":[
        {"address":"a:1","weights":1,"context":2,"compute":3,"memory":9}]})",
                                        "");
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->total(), Bytes{5}) << "the budget here is not theirs";
    EXPECT_THAT(plan->nodes, ElementsAre(NodePlan{"a:1", Bytes{1}, Bytes{2}, Bytes{3}, Bytes{9}}));
    EXPECT_FALSE(parse_measurement(shape, 0,
                                   R"({"trained_context":1,"lines":[{"what":"weights","bytes":5}],"nodes":[{}]})", ""));
    EXPECT_EQ(parse_measurement(shape, 134, "", "assert").error().code, Code::unavailable) << "not the file's fault";
}

TEST(Scenario, DoesNotFitWhereANodeIsTooSmall) {
    ModelPlan plan{.lines = {{"weights", MiB(10)}}, .nodes = {node("a:1", GiB(5))}};
    const std::vector<ScenarioModel> models{{.name = "one", .local = plan}, {.name = "two", .local = plan}};
    const Limits limits{.budget = GiB(1), .machine = GiB(2), .reserve = {}, .own = {}};
    const auto all = scenarios_of(models, limits);
    ASSERT_FALSE(all.empty());
    EXPECT_FALSE(all.front().fits(limits));
    EXPECT_THAT(all.front().short_nodes, ElementsAre(HasSubstr("model 'two' needs 5.50 GiB on the node a:1")));
}

}  // namespace
}  // namespace sarai::memory::nodes_test
