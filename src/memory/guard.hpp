// Acts on memory before the kernel's OOM killer does: looks at samples of what processes and the machine really take,
// and says what to give up, mildest first.
//
// A state machine without I/O or clock: a sample goes in, ordered actions come out; the driver (pool/memory_watch.hpp)
// performs them. The ladder, one rung at a time, each only while the rungs before it were not enough:
//
//     drop_cache       an idle worker whose prompt cache holds something worth it is started again: llama-server has
//                      no request that empties that cache
//     close_admission  no new loads; models that are ready go on
//     evict            idle workers, not pinned ones first, then those that are furthest over their plan
//     restart          the worker that is furthest over its plan, though it is busy
//
//                 short, 3 samples in a row           still short, 2 s later
//        calm ───────────────────────────► short ◄─────────────────────────┐
//         ▲                                  │ └───── one rung ────────────┘
//         │ 5 s without shortage             ▼ little is left
//         └──────────────────────────── critical: the rungs that are needed, at once
//
// Always holds:
//  - a worker within its plan is never stopped while it is busy, unless the machine itself is about to run out;
//  - what stopping workers will give back is counted as free, so that no rung is taken twice for the same need;
//  - each worker process is reported over its plan at most once;
//  - admission is closed exactly from a close_admission to the next open_admission.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "memory/pressure.hpp"

namespace sarai::memory {

// How far a plan may be off without being wrong: 3 %, and 20 MiB for small models, which is what the accuracy table in
// bench/ is held to.
[[nodiscard]] Bytes error_allowance(Bytes planned);

struct GuardLimits {
    Bytes budget;      // for all processes together
    Bytes reserve;     // memory.reserve: left to the rest of the machine
    Bytes machine;     // RAM
    bool acts = true;  // false: only reports
};

struct GuardWorker {
    std::int64_t process = 0;  // pid: a worker that was started again is another one
    std::string name;
    Bytes planned;
    Bytes allowance;     // see error_allowance()
    Bytes measured;      // PSS
    Bytes anonymous;     // of it; what MemAvailable does not count as available
    Bytes prompt_cache;  // its upper bound, part of `planned`
    bool ready = true;   // false: loading
    bool busy = false;   // answers somebody
    bool pinned = false;
    bool stopping = false;
};

struct GuardSample {
    Bytes own;        // PSS of sarai itself. Not of measuring children: no model is given up for what ends in a second
    Bytes available;  // MemAvailable
    std::optional<Pressure> pressure;
    std::vector<GuardWorker> workers;
};

enum class GuardStep : std::uint8_t { report, drop_cache, close_admission, evict, restart, open_admission };
[[nodiscard]] std::string_view name_of(GuardStep step);

struct GuardAction {
    GuardStep step;
    std::size_t worker = 0;  // index into the sample's workers; for report, drop_cache, evict and restart
    std::string why;         // one line for people, with the numbers
};

enum class GuardLevel : std::uint8_t { calm, short_of_memory, critical };
[[nodiscard]] std::string_view name_of(GuardLevel level);

class Guard {
public:
    using Clock = std::chrono::steady_clock;

    explicit Guard(GuardLimits limits) : limits_(limits) {}
    void set_budget(Bytes budget) { limits_.budget = budget; }

    [[nodiscard]] std::vector<GuardAction> step(Clock::time_point now, const GuardSample& sample);

    [[nodiscard]] GuardLevel level() const { return level_; }
    [[nodiscard]] bool admission_open() const { return open_; }
    [[nodiscard]] const std::string& why() const { return why_; }  // of the level; empty while calm
    // Something is not as it should be: look again soon.
    [[nodiscard]] bool alert() const { return alert_; }
    // By how much a worker process is over its plan; 0 unless that is more than its allowance, and has been for a
    // while.
    [[nodiscard]] Bytes over_plan(std::int64_t process) const;

private:
    struct Need;
    struct Excess {
        int samples = 0;  // in a row that were over plan plus allowance
        Bytes bytes;
        std::optional<Clock::time_point> gross_since;
        bool reported = false;
    };
    [[nodiscard]] Need need_of(const GuardSample& sample) const;
    [[nodiscard]] bool relieved(const GuardSample& sample) const;
    void count_excess(Clock::time_point now, const GuardSample& sample, std::vector<GuardAction>& out);
    void restart_gross(Clock::time_point now, GuardSample& sample, std::vector<GuardAction>& out);
    [[nodiscard]] std::optional<GuardAction> next_rung(const Need& need, const GuardSample& sample) const;

    GuardLimits limits_;
    GuardLevel level_ = GuardLevel::calm;
    bool open_ = true;
    bool alert_ = false;
    std::string why_;
    int short_samples_ = 0;
    std::optional<Clock::time_point> relieved_since_;
    Clock::time_point not_before_{};  // the next rung
    std::map<std::int64_t, Excess> excess_;
};

}  // namespace sarai::memory
