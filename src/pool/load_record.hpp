// What one load of a local model shows, and when that is worth reporting. Pure: the driver tells it what happens.
//
// Reports add up to the load, whatever is lost by a crash in between: each holds what is new since the one before.
// The first comes with the first sample after the worker is ready; then, at most every 30 s, when its peak has grown by
// more than 1 % or it has answered; and when it has gone.
#pragma once

#include <chrono>
#include <optional>

#include "llm/types.hpp"
#include "memory/learned.hpp"
#include "memory/plan.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool {

class LoadRecord {
public:
    LoadRecord() = default;
    explicit LoadRecord(const memory::ModelPlan& plan);

    void ready(std::chrono::milliseconds load_time);
    // A request that was answered to its end.
    void served(const std::optional<llm::Rates>& rates);
    void sampled(Bytes pss);

    // What there is to report now, if anything; it counts as reported.
    [[nodiscard]] std::optional<memory::Observation> due(Clock::time_point now);
    // The worker has gone: whatever was not reported yet.
    [[nodiscard]] std::optional<memory::Observation> rest();

    [[nodiscard]] Bytes peak() const { return peak_; }
    // By how much the peak exceeds the plan, where that is beyond the plan's error bar; else 0.
    [[nodiscard]] Bytes over_plan() const;
    // True once: when over_plan() is first above 0.
    [[nodiscard]] bool newly_over_plan();

    // Fewer tokens say more of the first step's costs than of the speed.
    static constexpr std::int64_t fewest_tokens = 16;
    static constexpr Clock::duration interval = std::chrono::seconds(30);

private:
    [[nodiscard]] memory::Observation take();

    std::string key_;
    Bytes planned_;
    Bytes allowed_;  // the plan's pessimistic end
    Bytes peak_;
    Bytes reported_peak_;
    std::optional<Clock::time_point> reported_;
    memory::Observation fresh_;  // since the last report
    bool ready_ = false;
    bool told_over_ = false;
};

}  // namespace sarai::pool
