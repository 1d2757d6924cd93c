#include "pool/turns.hpp"

#include <algorithm>
#include <ranges>
#include <vector>

namespace sarai::pool {
namespace {

using namespace std::chrono_literals;

// What is shorter says nothing about how a worker uses its turn.
constexpr auto shortest_judged = 10ms;
// Of one core, over a turn: less is waiting.
constexpr int light_share_divisor = 10;
// Turns that somebody who comes again may have had more than those who are there.
constexpr int most_behind = 3;

}  // namespace

bool Turns::contended() const {
    int threads = 0;
    int busy = 0;
    for (const auto& worker : workers_ | std::views::values)
        if (worker.busy) {
            ++busy;
            threads += worker.threads;
        }
    return busy > 1 && threads > cores_;
}

bool Turns::may_run(ModelIndex model) const {
    const auto found = workers_.find(model);
    return found == workers_.end() || !found->second.busy || found->second.runs;
}

void Turns::join(Clock::time_point now, ModelIndex model, int threads, const CpuTime& cpu) {
    auto& joining = workers_[model];
    if (joining.busy) return;
    count(now, cpu);
    joining = {.busy = true,
               .threads = std::min(threads, cores_),
               // Nobody is owed what he did not want, and nobody pays for long ago.
               .held = std::clamp(joining.held, floor_, floor_ + most_behind * length),
               .counted = joining.known ? joining.counted : cpu(model),
               .known = true,
               .runs = false};
    choose();
}

void Turns::leave(Clock::time_point now, ModelIndex model, const CpuTime& cpu) {
    const auto found = workers_.find(model);
    if (found == workers_.end() || !found->second.busy) return;
    count(now, cpu);
    found->second.busy = false;
    choose();
}

void Turns::next(Clock::time_point now, const CpuTime& cpu) {
    count(now, cpu);
    choose();
}

// Also while everybody runs, so that it is known who computes when that ends.
void Turns::count(Clock::time_point now, const CpuTime& cpu) {
    const auto passed = now - last_;
    const bool taking_turns = contended();
    last_ = now;
    auto least = Duration::max();
    for (auto& [model, worker] : workers_) {
        if (!worker.busy) continue;
        const auto total = cpu(model);
        worker.spent += std::max(Duration{}, total - worker.counted);
        worker.counted = total;
        if (worker.runs) {
            worker.ran += passed;
            if (taking_turns && !worker.light) worker.held += passed;
        }
        if (worker.ran >= shortest_judged) {
            const bool was_light = worker.light;
            worker.light = worker.spent * light_share_divisor < worker.ran;
            if (was_light && !worker.light) worker.held = std::max(worker.held, floor_);
            worker.ran = {};
            worker.spent = {};
        }
        if (!worker.light) least = std::min(least, worker.held);
    }
    if (least != Duration::max()) floor_ = std::max(floor_, least);
}

void Turns::choose() {
    std::vector<Worker*> waiting;
    for (auto& worker : workers_ | std::views::values) {
        if (!worker.busy) continue;
        // Room for everybody, or nothing to take a turn for.
        if (!contended() || worker.light)
            worker.runs = true;
        else
            waiting.push_back(&worker);
    }
    // Between equals the one that waited: it runs at once that way.
    std::ranges::stable_sort(waiting, {}, [](const Worker* one) { return std::pair(one->held, one->runs); });
    int free = cores_;
    for (auto* const worker : waiting) {
        worker->runs = free == cores_ || worker->threads <= free;
        if (worker->runs) free -= worker->threads;
    }
}

}  // namespace sarai::pool
