#include "pool/turn_taking.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <stdexcept>
#include <vector>

#include "llm/backend.hpp"

namespace sarai::pool::turn_taking_test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr int cores = 2;

// Computes with all of its threads whenever it is not paused.
class BusyWorker final : public LocalWorker {
public:
    explicit BusyWorker(pid_t pid) : pid_(pid) {}
    asio::awaitable<Result<void>> ready() override { co_return Result<void>{}; }
    asio::awaitable<Error> gone() override { co_return Error{}; }
    asio::awaitable<void> stop(std::chrono::milliseconds /*grace*/) override { co_return; }
    [[nodiscard]] pid_t pid() const override { return pid_; }
    [[nodiscard]] int threads() const override { return cores; }
    void pause() override {
        EXPECT_FALSE(paused) << "told twice";
        used_ = cpu_time();
        paused = true;
        ++pauses;
    }
    void resume() override {
        EXPECT_TRUE(paused) << "told twice";
        paused = false;
        since_ = Clock::now();
    }
    std::shared_ptr<llm::Backend> backend() override { return nullptr; }

    [[nodiscard]] Turns::Duration cpu_time() const { return paused ? used_ : used_ + (Clock::now() - since_) * cores; }

    bool paused = false;
    int pauses = 0;

private:
    pid_t pid_;
    Turns::Duration used_{};
    Clock::time_point since_ = Clock::now();
};

class TurnTakingTest : public ::testing::Test {
protected:
    std::shared_ptr<BusyWorker> start(ModelIndex model) {
        workers[model] = std::make_shared<BusyWorker>(static_cast<pid_t>(workers.size() + ++started));
        return workers[model];
    }
    Turns::Duration cpu_time_of(pid_t pid) {
        for (const auto& worker : workers)
            if (worker && worker->pid() == pid) return worker->cpu_time();
        throw std::out_of_range("nobody's process");
    }
    void be_busy(ModelIndex model) { turns.set_busy(model, workers[model] ? workers[model] : start(model)); }
    void be_idle(ModelIndex model) { turns.set_busy(model, nullptr); }
    [[nodiscard]] std::vector<ModelIndex> running() const {
        std::vector<ModelIndex> all;
        for (ModelIndex model = 0; model < workers.size(); ++model)
            if (workers[model] && !workers[model]->paused) all.push_back(model);
        return all;
    }
    // Whoever waits in vain fails, and does not hang.
    void pass_time_until(const std::function<bool()>& holds) {
        for (int i = 0; i < 10'000 && !holds(); ++i) io.run_for(1ms);
        EXPECT_TRUE(holds());
    }

    asio::io_context io;
    std::vector<std::shared_ptr<BusyWorker>> workers{3};
    int started = 0;
    TurnTaking turns{io.get_executor(), 3, cores, [this](pid_t pid) { return cpu_time_of(pid); }};
    asio::cancellation_signal end;
    bool ended = false;

    void SetUp() override {
        asio::co_spawn(io, turns.run(),
                       asio::bind_cancellation_slot(end.slot(), [this](const std::exception_ptr& error) {
                           ended = true;
                           if (error) std::rethrow_exception(error);
                       }));
    }
    void TearDown() override {
        end.emit(asio::cancellation_type::terminal);
        pass_time_until([this] { return ended; });
    }
};

using ModelList = std::vector<ModelIndex>;

TEST_F(TurnTakingTest, NobodyPausesWhoIsAlone) {
    be_busy(0);
    io.run_for(3 * Turns::length);
    EXPECT_EQ(workers[0]->pauses, 0);
    EXPECT_EQ(turns.pauses(0), 0U);
}

TEST_F(TurnTakingTest, OneAtATimeAndEachHasItsTurns) {
    for (const ModelIndex model : {0U, 1U, 2U}) {
        be_busy(model);
        EXPECT_EQ(running().size(), 1U);
    }
    std::array<int, 3> seen{};
    pass_time_until([&] {
        EXPECT_EQ(running().size(), 1U);
        ++seen.at(running().at(0));
        return std::ranges::all_of(workers, [](const auto& worker) { return worker->pauses >= 2; });
    });
    EXPECT_THAT(seen, ::testing::Each(::testing::Gt(0)));
    for (const ModelIndex model : {0U, 1U, 2U}) EXPECT_EQ(turns.pauses(model), workers[model]->pauses);
}

TEST_F(TurnTakingTest, WhoLeavesIsResumedAndSoIsWhoIsLeftAlone) {
    be_busy(0);
    be_busy(1);
    ASSERT_EQ(running().size(), 1U);
    const ModelIndex paused = workers[0]->paused ? 0 : 1;
    be_idle(paused);  // its client has left: the worker has something to cancel
    EXPECT_EQ(running(), (ModelList{0, 1}));
    be_busy(paused);
    ASSERT_EQ(running().size(), 1U);
    be_idle(running().at(0));
    EXPECT_EQ(running(), (ModelList{0, 1}));
    const int before = workers[0]->pauses + workers[1]->pauses;
    io.run_for(2 * Turns::length);
    EXPECT_EQ(workers[0]->pauses + workers[1]->pauses, before);
}

TEST_F(TurnTakingTest, ANewProcessTakesThePlaceOfOneThatDied) {
    be_busy(0);
    be_busy(1);
    const auto died = workers[0];
    be_busy(0);  // said again, which changes nothing
    ASSERT_EQ(running().size(), 1U);
    be_idle(0);
    turns.set_busy(0, start(0));
    EXPECT_FALSE(died->paused);  // a stopped process would not see that it is to end
    EXPECT_EQ(running().size(), 1U);
    pass_time_until([&] { return workers[0]->pauses >= 2 && workers[1]->pauses >= 2; });
}

TEST_F(TurnTakingTest, TurnsGoOnAfterAFailure) {
    be_busy(0);
    be_busy(1);
    const auto hidden = std::exchange(workers[1], nullptr);  // its CPU time cannot be told
    io.run_for(2 * Turns::length);
    workers[1] = hidden;
    const int before = workers[0]->pauses + workers[1]->pauses;
    pass_time_until([&] { return workers[0]->pauses + workers[1]->pauses >= before + 2; });
}

}  // namespace
}  // namespace sarai::pool::turn_taking_test
