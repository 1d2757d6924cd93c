// What one load of a local model shows, and when that is worth reporting. Pure: the driver tells it what happens.
//
// Reports add up to the load, whatever is lost by a crash in between: each holds what is new since the one before.
// The first comes with the first sample after the worker is ready; then, at most every 30 s, when its peak has grown by
// more than 1 % or it has answered; and when it has gone. What exceeds the plan is reported when the worker has lived
// with it for 30 s, or has gone without being ended for it: one request that should never have reached it would else
// be what each load after it has to reserve.
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
    // It is ended because it takes more than was planned: that is no need of its model.
    void ended_for_excess() { ended_for_excess_ = true; }
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
    void settle(Clock::time_point now);
    [[nodiscard]] memory::Observation take();

    std::string key_;
    Bytes planned_;
    Bytes allowed_;  // the plan's pessimistic end
    Bytes peak_;
    Bytes settled_;  // the highest that may be reported
    Bytes waiting_;  // a peak beyond the plan, and since when it has been the highest
    Clock::time_point waiting_since_;
    bool ended_for_excess_ = false;
    Bytes reported_peak_;
    std::optional<Clock::time_point> reported_;
    memory::Observation fresh_;  // since the last report
    bool ready_ = false;
    bool told_over_ = false;
};

}  // namespace sarai::pool
