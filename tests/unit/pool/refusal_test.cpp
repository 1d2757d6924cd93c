// What a refused load is told, as golden text, and that each change it names really makes it fit.
#include "pool/refusal.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "memory/plan.hpp"

namespace sarai::pool::refusal_test {
namespace {

const Shortage everything{
    .model = "solar",
    .needs = {.total = MiB(6712), .kv_cache = MiB(384), .prompt_cache = MiB(256), .context_length = 2048},
    .free = MiB(6500),
    .budget = GiB(12),
    .machine = GiB(15),
    .holders =
        {{.name = "sarai itself", .bytes = MiB(32), .state = "", .can_be_stopped = false},
         {.name = "lfm2", .bytes = MiB(837), .state = "ready, idle, pinned", .can_be_stopped = false},
         {.name = "omni", .bytes = MiB(4792), .state = "ready, idle", .reload = std::chrono::milliseconds(16400)},
         {.name = "embed", .bytes = MiB(386), .state = "ready, idle", .reload = std::chrono::milliseconds(900)}},
    .policy_would_help = true};

// Compared with tests/data/refusals/NAME.txt.
void expect_golden(const std::string& name, const Error& error) {
    std::ifstream file(SARAI_TEST_DATA "/refusals/" + name + ".txt");
    const std::string wanted{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(error.message + "\n" + error.hint + "\n", wanted);
}

TEST(Refusal, NamesWhatWasAskedWhatIsFreeWhoHoldsItAndWhatWouldMakeItFit) {
    expect_golden("everything_helps", explain(everything));
}

TEST(Refusal, NamesOnlyChangesThatSuffice) {
    auto tight = everything;
    tight.free = MiB(3000);
    expect_golden("only_one_helps", explain(tight));
}

TEST(Refusal, AdmitsThatNothingHelps) {
    auto hopeless = everything;
    hopeless.free = MiB(100);
    hopeless.holders = {{.name = "sarai itself", .bytes = MiB(32), .state = "", .can_be_stopped = false}};
    hopeless.machine = GiB(12);
    hopeless.policy_would_help = false;
    expect_golden("nothing_helps", explain(hopeless));
}

TEST(Refusal, EveryChangeThatItNamesMakesItFit) {
    for (int free = 100; free < 6712; free += 13) {
        auto shortage = everything;
        shortage.free = MiB(free);
        const auto hint = explain(shortage).hint;
        const auto& needs = shortage.needs;
        const auto named = [&](std::string_view change) { return hint.contains(change); };
        EXPECT_EQ(named("kv_cache_type to q8_0"), with_kv_cache_type(needs, "q8_0") <= shortage.free) << free;
        const auto tokens = longest_context(needs, shortage.free);
        EXPECT_EQ(named("context_length to"), tokens > 0) << free;
        if (tokens > 0) {
            EXPECT_TRUE(named("context_length to " + std::to_string(tokens))) << free;
            EXPECT_LE(with_context(needs, tokens), shortage.free) << free;
            EXPECT_GT(with_context(needs, tokens + 256), shortage.free) << free;
        }
        EXPECT_EQ(named("sarai stop omni"),
                  needs.total - MiB(4792) <= shortage.free && needs.total - MiB(386) > shortage.free)
            << free;
        EXPECT_EQ(named("memory.max_ram to"), shortage.budget + needs.total - shortage.free <= shortage.machine)
            << free;
    }
}

// What loads have shown narrows the error of the setting that was loaded, and of no other.
TEST(Refusal, ChangesFitAlsoWhereTheConfiguredSettingIsWellKnown) {
    const auto plan_of = [](Bytes kv_cache, bool known) {
        memory::ModelPlan plan{
            .lines = {{.what = "weights", .bytes = MiB(6000)}, {.what = "kv_cache", .bytes = kv_cache}}};
        if (known) plan.learned = memory::Learned{.loads = 4, .requests = 4};
        return plan;
    };
    const auto configured = plan_of(MiB(2048), true);
    ASSERT_LT(configured.error().count, configured.total().count / 300);
    auto shortage = everything;
    shortage.needs = {.total = configured.pessimistic(),
                      .planned = configured.total(),
                      .kv_cache = MiB(2048),
                      .context_length = 8192};
    const auto& needs = shortage.needs;
    for (int free = 6000; MiB(free) < needs.total; free += 7) {
        shortage.free = MiB(free);
        const auto hint = explain(shortage).hint;
        const auto quantised = plan_of(MiB(1088), false);
        EXPECT_EQ(hint.contains("kv_cache_type to q8_0"), quantised.pessimistic() <= shortage.free) << free;
        const auto tokens = longest_context(needs, shortage.free);
        EXPECT_EQ(hint.contains("context_length to"), tokens > 0) << free;
        if (tokens == 0) continue;
        EXPECT_LE(plan_of(Bytes{MiB(2048).count / 8192 * tokens}, false).pessimistic(), shortage.free) << free;
        EXPECT_TRUE(hint.contains(fmt::format("context_length to {} ({} less)", tokens,
                                              to_string(needs.total - with_context(needs, tokens)))))
            << hint;
    }
    const auto steps = steps_down(needs, {.kv_cache_type = "q8_0", .min_context_length = 8192});
    ASSERT_EQ(steps.size(), 1U);
    EXPECT_EQ(steps.front().total, plan_of(MiB(1088), false).pessimistic());
}

}  // namespace
}  // namespace sarai::pool::refusal_test
