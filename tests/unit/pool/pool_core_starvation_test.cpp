// Traffic that never ends, and never leaves anybody out: how many requests that came later are served before one that
// waits. The driver does at once what it is asked for, so that nothing but the pool's own order decides.
//
// The seeds are fixed; SARAI_POOL_SEED=<n> runs one other history per test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pool/pool_core.hpp"

namespace sarai::pool::pool_core_starvation_test {
namespace {

using namespace std::chrono_literals;

// Requests that are there at once, waiting or answered.
constexpr std::size_t crowd = 16;

class Traffic {
public:
    Traffic(std::uint64_t seed, Policy policy)
        : random_(seed),
          core_({.budget = Bytes{100}, .max_concurrent_llms = 4, .reap_wait = 500ms, .policy = policy},
                {{.name = "loved", .has_local = true, .priority = 50, .slots = 2},
                 {.name = "liked", .has_local = true, .priority = 50, .slots = 1},
                 {.name = "odd", .has_local = true, .priority = 50, .slots = 2},
                 {.name = "rare", .has_local = true, .priority = 50, .slots = 1}},
                {}) {}

    void step() {
        now_ += 5ms;
        if (waiting_.size() + granted_.size() < crowd) {
            const auto dice = below(20);
            acquire(dice < 13 ? 0 : dice < 17 ? 1 : dice < 19 ? 2 : 3);
        } else if (!granted_.empty()) {
            auto done = granted_.begin();
            std::advance(done, static_cast<std::ptrdiff_t>(below(granted_.size())));
            const auto ticket = *done;
            granted_.erase(done);
            perform(core_.finished(now_, ticket));
            perform(core_.release(now_, ticket));
        }
        if (below(10) == 0) perform(core_.tick(now_));
        settle();
    }

    [[nodiscard]] bool moves() const { return !granted_.empty() || waiting_.size() < crowd; }
    [[nodiscard]] int longest_overtaken() const { return longest_; }
    [[nodiscard]] const std::map<ModelIndex, int>& served() const { return served_; }

private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }

    void acquire(ModelIndex model) {
        const auto ticket = ++last_;
        waiting_[ticket] = 0;
        perform(core_.acquire(now_, ticket, model, {.client = std::string(1, static_cast<char>('a' + below(3)))}));
    }
    // The driver's answers.
    void settle() {
        while (!owed_.empty()) {
            const auto answer = std::move(owed_.front());
            owed_.pop_front();
            perform(answer());
        }
    }
    void perform(const Actions& actions) {
        for (const auto& action : actions) {
            if (const auto* measure = std::get_if<Measure>(&action))
                owed_.emplace_back([this, m = measure->model] { return core_.measured(m, Needs{.total = Bytes{45}}); });
            else if (const auto* spawn = std::get_if<Spawn>(&action))
                owed_.emplace_back([this, m = spawn->model] { return core_.worker_ready(m); });
            else if (const auto* stop = std::get_if<Stop>(&action))
                owed_.emplace_back([this, m = stop->model] {
                    return core_.worker_gone(m, {.code = Code::unavailable, .message = "ended as asked"});
                });
            else if (const auto* grant = std::get_if<Grant>(&action))
                serve(grant->ticket, grant->route.model);
            else if (const auto* refuse = std::get_if<Refuse>(&action))
                FAIL() << "refused: " << refuse->error.message;
        }
    }
    void serve(Ticket ticket, ModelIndex model) {
        waiting_.erase(ticket);
        granted_.push_back(ticket);
        ++served_[model];
        for (auto& [earlier, overtaken] : waiting_)
            if (earlier < ticket) longest_ = std::max(longest_, ++overtaken);
    }

    std::mt19937_64 random_;
    PoolCore core_;
    Clock::time_point now_ = Clock::time_point{} + 1h;
    Ticket last_ = 0;
    std::map<Ticket, int> waiting_;  // and how many later ones were served first
    std::vector<Ticket> granted_;
    std::map<ModelIndex, int> served_;
    std::deque<std::function<Actions()>> owed_;
    int longest_ = 0;
};

class PoolCoreStarvation : public ::testing::TestWithParam<Policy> {};

// Two of four models fit, and two thirds of the requests are for one of them. By priority those above the one that asks
// would be spared and it refused, so here they are equals.
TEST_P(PoolCoreStarvation, NobodyIsOvertakenWithoutEnd) {
    const char* chosen = std::getenv("SARAI_POOL_SEED");
    int longest = 0;
    for (int history = 0; history < (chosen != nullptr ? 1 : 40); ++history) {
        const std::uint64_t seed = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1 + history;
        SCOPED_TRACE(fmt::format("SARAI_POOL_SEED={}", seed));
        Traffic traffic(seed, GetParam());
        for (int event = 0; event < 5000 && !HasFailure(); ++event) {
            traffic.step();
            ASSERT_TRUE(traffic.moves()) << "everybody waits, at event " << event;
        }
        for (ModelIndex model = 0; model < 4; ++model)
            EXPECT_GT(traffic.served().contains(model) ? traffic.served().at(model) : 0, 20) << model;
        longest = std::max(longest, traffic.longest_overtaken());
    }
    RecordProperty("longest_overtaken", longest);
    // In histories of 100,000 events no more than in those of 5,000: 86 and 83 when this was written.
    EXPECT_LE(longest, 8 * static_cast<int>(crowd));
}

INSTANTIATE_TEST_SUITE_P(Policies, PoolCoreStarvation, ::testing::Values(Policy::lru, Policy::priority),
                         [](const auto& policy) { return policy.param == Policy::lru ? "Lru" : "Priority"; });

}  // namespace
}  // namespace sarai::pool::pool_core_starvation_test
