#include "memory/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace sarai::memory {
namespace {

using namespace std::chrono_literals;

// In a row, before anything is believed: one sample may catch a process between fork and exec, or a load whose file
// cache is about to go. The driver looks every 100 ms once something is odd, so this is a fifth of a second.
constexpr int confirmed = 3;

// Between two rungs while memory is short but not critical. An idle llama-server ends within 0.2 s of SIGTERM and one
// in a prompt batch within 3 s; what stops is counted as free already, so this is only for the next sample to be true.
constexpr auto cool_down = 2s;
// Where stalls are the only sign: their average goes back over 10 s.
constexpr auto stall_cool_down = 10s;
// Without shortage for so long before loads are admitted again: more than the longest stop (3 s), so that admission
// does not open on memory that the next rung is just giving back.
constexpr auto calm_hold = 5s;

// The machine is short when MemAvailable is less than this. Admission does not look at MemAvailable (it counts mapped
// weights as free, and memory that is planned but not yet touched), but when it is low, even dropping every mapped page
// would not help. A quarter of the reserve: a full budget leaves `reserve`, of which the rest of the machine lives. A
// 64th of RAM is some five times the kernel's own high watermark, where it begins to reclaim in earnest.
constexpr Bytes low_line(const GuardLimits& limits) {
    return std::max({Bytes{limits.reserve.count / 4}, Bytes{limits.machine.count / 64}, MiB(256)});
}
// What is left is gone within one look (100 ms) at 1 GiB/s, about what one thread can touch for the first time.
constexpr Bytes critical_line(const GuardLimits& limits) {
    return std::max(Bytes{low_line(limits).count / 2}, MiB(128));
}

// systemd-oomd kills at 60 % of `full` for 30 s; this acts earlier and milder. Stalls alone never stop a busy worker:
// they are slowness, not an end.
constexpr double some_stalled = 20;  // percent
constexpr double full_stalled = 10;
// Where so much is available, stalls are not for want of it: programs wait for file pages that were dropped, or for a
// limit of their own, and giving up a model would help nobody.
constexpr Bytes plenty(const GuardLimits& limits) { return Bytes{limits.machine.count / 4}; }

// A reload costs seconds of somebody's time; less than this does not pay.
constexpr Bytes worth_dropping = MiB(32);

// Beyond this a plan is not off, but meaningless: acted upon whether or not memory is short, because the ledger gives
// the same memory to somebody else.
constexpr Bytes gross_excess(Bytes planned) { return Bytes{planned.count / 4} + MiB(256); }
// So long a busy worker with a gross excess may finish what it does.
constexpr auto gross_patience = 5s;

Bytes excess_of(const GuardWorker& worker) { return worker.measured - worker.planned; }

bool is_idle(const GuardWorker& worker) { return worker.ready && !worker.busy && !worker.stopping; }

// What its prompt cache holds now, as far as it can be told from outside: what is measured beyond the rest of the plan.
Bytes cache_held(const GuardWorker& worker) {
    return std::clamp(worker.measured - (worker.planned - worker.prompt_cache), Bytes{}, worker.prompt_cache);
}

std::string against_plan(const GuardWorker& worker) {
    return fmt::format("it takes {}, {} were planned", to_string(worker.measured), to_string(worker.planned));
}

Bytes total_of(const GuardSample& sample) {
    auto sum = sample.own;
    for (const auto& worker : sample.workers) sum += worker.measured;
    return sum;
}

// The index of the best worker among those that `allowed` admits, where `key` orders (greater is better).
template <class Allowed, class Key>
std::optional<std::size_t> best(const std::vector<GuardWorker>& workers, Allowed allowed, Key key) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < workers.size(); ++i)
        if (allowed(workers[i]) && (!found || key(workers[i]) > key(workers[*found]))) found = i;
    return found;
}

}  // namespace

Bytes error_allowance(Bytes planned) { return std::max(MiB(20), Bytes{planned.count / 100 * 3}); }

std::string_view name_of(GuardStep step) {
    constexpr std::array<std::string_view, 6> names{"report", "drop_cache", "close_admission",
                                                    "evict",  "restart",    "open_admission"};
    return names.at(static_cast<std::size_t>(step));
}

std::string_view name_of(GuardLevel level) {
    constexpr std::array<std::string_view, 3> names{"calm", "short", "critical"};
    return names.at(static_cast<std::size_t>(level));
}

// What is missing once all that is stopping has gone.
struct Guard::Need {
    Bytes budget;   // over it
    Bytes machine;  // under the low line
    bool stalled = false;
    bool critical = false;
    std::string why;  // what is short now, even if enough is on its way

    [[nodiscard]] bool is_short() const { return !why.empty(); }
    [[nodiscard]] bool open() const { return budget.count > 0 || machine.count > 0 || stalled; }
};

Guard::Need Guard::need_of(const GuardSample& sample) const {
    Need need;
    Bytes coming;
    Bytes coming_anonymous;
    for (const auto& worker : sample.workers)
        if (worker.stopping) {
            coming += worker.measured;
            coming_anonymous += worker.anonymous;
        }
    const auto total = total_of(sample);
    const auto also = [&](std::string text) { need.why += (need.why.empty() ? "" : "; ") + std::move(text); };
    if (total > limits_.budget) {
        need.budget = total - limits_.budget - coming;
        also(fmt::format("sarai and its workers take {} of a budget of {}", to_string(total),
                         to_string(limits_.budget)));
    }
    const auto line = low_line(limits_);
    if (sample.available < line) {
        need.machine = line - sample.available - coming_anonymous;
        need.critical = sample.available < critical_line(limits_);
        also(fmt::format("the machine has {} of memory available, less than {}", to_string(sample.available),
                         to_string(line)));
    }
    if (const auto& pressure = sample.pressure; pressure && sample.available < plenty(limits_) &&
                                                (pressure->some >= some_stalled || pressure->full >= full_stalled)) {
        need.stalled = coming.count == 0;
        also(fmt::format("programs waited for memory in {:.0f} % of the last 10 s (all of them in {:.0f} %)",
                         pressure->some, pressure->full));
    }
    return need;
}

// The lines of need_of() with a margin, so that what hovers about a line does not open and close admission for ever.
bool Guard::relieved(const GuardSample& sample) const {
    const auto line = low_line(limits_);
    return total_of(sample) <= limits_.budget && sample.available >= line + Bytes{line.count / 4} &&
           (!sample.pressure || sample.available >= plenty(limits_) ||
            (sample.pressure->some < some_stalled / 2 && sample.pressure->full < full_stalled / 2));
}

Bytes Guard::over_plan(std::int64_t process) const {
    const auto found = excess_.find(process);
    return found != excess_.end() && found->second.samples >= confirmed ? found->second.bytes : Bytes{};
}

void Guard::count_excess(Clock::time_point now, const GuardSample& sample, std::vector<GuardAction>& out) {
    std::erase_if(excess_, [&](const auto& entry) {
        return !std::ranges::contains(sample.workers, entry.first, &GuardWorker::process);
    });
    for (std::size_t i = 0; i < sample.workers.size(); ++i) {
        const auto& worker = sample.workers[i];
        auto& excess = excess_[worker.process];
        excess.bytes = excess_of(worker);
        if (excess.bytes <= worker.allowance) {
            excess.samples = 0;
            excess.gross_since.reset();
            continue;
        }
        ++excess.samples;
        if (excess.bytes <= gross_excess(worker.planned))
            excess.gross_since.reset();
        else if (!excess.gross_since)
            excess.gross_since = now;
        if (excess.samples < confirmed || excess.reported) continue;
        excess.reported = true;
        out.push_back({.step = GuardStep::report,
                       .worker = i,
                       .why = fmt::format("{}: {} more, of which {} were to be expected", against_plan(worker),
                                          to_string(excess.bytes), to_string(worker.allowance))});
    }
}

void Guard::restart_gross(Clock::time_point now, GuardSample& sample, std::vector<GuardAction>& out) {
    for (std::size_t i = 0; i < sample.workers.size(); ++i) {
        auto& worker = sample.workers[i];
        const auto& excess = excess_.at(worker.process);
        if (!excess.gross_since || excess.samples < confirmed || worker.stopping) continue;
        if (!is_idle(worker) && now - *excess.gross_since < gross_patience) continue;
        out.push_back({.step = GuardStep::restart,
                       .worker = i,
                       .why = fmt::format("{}, which is no plan any more", against_plan(worker))});
        worker.stopping = true;
    }
}

std::optional<GuardAction> Guard::next_rung(const Need& need, const GuardSample& sample) const {
    // When it is critical, an idle worker goes as a whole: it would only come back with a load.
    if (!need.critical && open_)
        if (const auto i = best(
                sample.workers,
                [](const GuardWorker& worker) { return is_idle(worker) && cache_held(worker) >= worth_dropping; },
                cache_held))
            return GuardAction{.step = GuardStep::drop_cache,
                               .worker = *i,
                               .why = fmt::format("{}; its prompt cache holds about {}", need.why,
                                                  to_string(cache_held(sample.workers[*i])))};
    if (open_) return GuardAction{.step = GuardStep::close_admission, .why = need.why};
    if (const auto i = best(sample.workers, is_idle, [](const GuardWorker& worker) {
            return std::tuple(!worker.pinned, excess_of(worker), worker.measured);
        }))
        return GuardAction{.step = GuardStep::evict,
                           .worker = *i,
                           .why = fmt::format("{}; it is idle, and {}", need.why, against_plan(sample.workers[*i]))};
    // Who broke the plan pays. Who did not pays only for a machine that runs out: the kernel would choose the largest.
    const auto worst = best(
        sample.workers,
        [&](const GuardWorker& worker) {
            return !worker.stopping &&
                   (over_plan(worker.process).count > 0 || (need.critical && excess_of(worker) > worker.allowance));
        },
        excess_of);
    if (worst && (need.budget.count > 0 || need.machine.count > 0))
        return GuardAction{.step = GuardStep::restart,
                           .worker = *worst,
                           .why = fmt::format("{}; of all workers it is furthest over its plan: {}", need.why,
                                              against_plan(sample.workers[*worst]))};
    if (const auto i = best(
            sample.workers,
            [&](const GuardWorker& worker) { return need.critical && need.machine.count > 0 && !worker.stopping; },
            [](const GuardWorker& worker) { return std::tuple(!worker.pinned, worker.anonymous); }))
        return GuardAction{
            .step = GuardStep::restart,
            .worker = *i,
            .why = fmt::format("{}; nothing else is left to give up: {}", need.why, against_plan(sample.workers[*i]))};
    return std::nullopt;
}

std::vector<GuardAction> Guard::step(Clock::time_point now, const GuardSample& given) {
    std::vector<GuardAction> out;
    auto sample = given;  // workers that are told to stop count as stopping from then on
    count_excess(now, sample, out);
    if (limits_.acts) restart_gross(now, sample, out);

    auto need = need_of(sample);
    short_samples_ = need.is_short() ? short_samples_ + 1 : 0;
    alert_ =
        need.is_short() || !open_ || std::ranges::any_of(excess_, [](const auto& e) { return e.second.samples > 0; });
    const bool believed =
        need.critical || short_samples_ >= confirmed || (need.is_short() && level_ != GuardLevel::calm);
    if (believed) {
        level_ = need.critical ? GuardLevel::critical : GuardLevel::short_of_memory;
        why_ = need.why;
    }
    if (!limits_.acts) {
        if (!need.is_short()) {
            level_ = GuardLevel::calm;
            why_.clear();
        }
        return out;
    }
    while (believed && need.open() && (need.critical || now >= not_before_)) {
        const auto action = next_rung(need, sample);
        if (!action) break;
        out.push_back(*action);
        if (action->step == GuardStep::close_admission)
            open_ = false;
        else
            sample.workers[action->worker].stopping = true;
        const bool only_stalls = need.budget.count <= 0 && need.machine.count <= 0;
        not_before_ = now + (only_stalls ? stall_cool_down : cool_down);
        need = need_of(sample);
    }
    if (!relieved(given)) {
        relieved_since_.reset();
    } else if (!relieved_since_) {
        relieved_since_ = now;
    }
    if (level_ != GuardLevel::calm && relieved_since_ && now - *relieved_since_ >= calm_hold) {
        level_ = GuardLevel::calm;
        why_.clear();
        if (!open_) {
            open_ = true;
            out.push_back({.step = GuardStep::open_admission,
                           .why = fmt::format("memory has sufficed for {} s", calm_hold / 1s)});
        }
    }
    return out;
}

}  // namespace sarai::memory
