#include "memory/choose.hpp"

#include <gmock/gmock.h>

#include <random>

namespace sarai::memory::choose_test {
namespace {

using testing::ElementsAre;
using Models = std::vector<std::vector<Option>>;

// Every combination, in the order of options.
std::optional<Choice> by_brute_force(const Models& models, Bytes budget) {
    std::optional<Choice> best;
    std::vector<std::size_t> at(models.size(), 0);
    for (bool more = true; more;) {
        Choice now{.options = at, .cost = {}, .utility = 0};
        for (std::size_t i = 0; i < models.size(); ++i) {
            now.cost += models[i][at[i]].cost;
            now.utility += models[i][at[i]].utility;
        }
        if (now.cost <= budget &&
            (!best || now.utility > best->utility || (now.utility == best->utility && now.cost < best->cost)))
            best = now;
        more = false;
        for (std::size_t i = models.size(); i-- > 0 && !more;) {
            more = ++at[i] < models[i].size();
            if (!more) at[i] = 0;
        }
    }
    return best;
}

TEST(Choose, FindsWhatTryingEverythingFinds) {
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): a failure comes back
    int impossible = 0;
    for (int round = 0; round < 2000; ++round) {
        Models models(1 + random() % 4);
        for (auto& options : models) {
            options.resize(1 + random() % 7);
            for (auto& option : options)
                option = {.cost = Bytes{static_cast<std::int64_t>(random() % 40)},
                          .utility = static_cast<std::int64_t>(random() % 30) - 8};
        }
        const Bytes budget{static_cast<std::int64_t>(random() % 100)};
        const auto expected = by_brute_force(models, budget);
        const auto found = choose(models, budget);
        ASSERT_EQ(found.has_value(), expected.has_value()) << round;
        if (!found) {
            ++impossible;
            continue;
        }
        EXPECT_EQ(found->utility, expected->utility) << round;
        EXPECT_EQ(found->cost, expected->cost) << round;
        Bytes cost;
        std::int64_t utility = 0;
        for (std::size_t i = 0; i < models.size(); ++i) {
            cost += models[i][found->options[i]].cost;
            utility += models[i][found->options[i]].utility;
        }
        EXPECT_EQ(cost, found->cost);
        EXPECT_EQ(utility, found->utility);
        EXPECT_LE(cost, budget);
    }
    EXPECT_GT(impossible, 100);
}

TEST(Choose, OfEquallyGoodChoicesTakesTheCheapestAndThenTheFirst) {
    const Models models{{{Bytes{5}, 1}, {Bytes{3}, 1}, {Bytes{3}, 1}}, {{Bytes{2}, 4}, {Bytes{2}, 4}}};
    const auto found = choose(models, Bytes{10});
    ASSERT_TRUE(found);
    EXPECT_THAT(found->options, ElementsAre(1U, 0U));
}

TEST(Choose, FillsTheBudgetToTheLastByteAndNotOneFurther) {
    const Models models{{{Bytes{4}, 0}, {Bytes{6}, 1}}, {{Bytes{4}, 0}, {Bytes{6}, 1}}};
    EXPECT_EQ(choose(models, Bytes{12})->utility, 2);
    EXPECT_EQ(choose(models, Bytes{11})->utility, 1);
    EXPECT_EQ(choose(models, Bytes{8})->utility, 0);
    EXPECT_FALSE(choose(models, Bytes{7}).has_value());
}

TEST(Choose, HasNothingForAModelWithoutOptionsAndAllForNoModels) {
    EXPECT_FALSE(choose(Models{{}}, Bytes{7}).has_value());
    EXPECT_EQ(choose(Models{}, Bytes{7})->cost, Bytes{});
}

TEST(Choose, IsQuickForManyModelsWithManyOptions) {
    std::mt19937 random(3);  // NOLINT(cert-msc51-cpp)
    Models models(6);
    for (auto& options : models) {
        Option option;
        for (int i = 0; i < 150; ++i) {
            option.cost += Bytes{static_cast<std::int64_t>(random() % (1U << 27))};
            option.utility += static_cast<std::int64_t>(random() % 8) * 10;
            options.push_back(option);
        }
    }
    EXPECT_TRUE(choose(models, GiB(100)).has_value());  // the test's time limit is the assertion
}

}  // namespace
}  // namespace sarai::memory::choose_test
