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
    const bool was_contended = contended();
    if (was_contended) count(now, cpu);
    auto& joining = workers_[model];
    if (joining.busy) return;
    joining.used = std::max(joining.used, least_used(model));
    joining = {
        .busy = true, .threads = std::min(threads, cores_), .used = joining.used, .counted = cpu(model), .runs = false};
    if (!was_contended && contended())  // what they had alone was nobody else's
        for (auto& [other, worker] : workers_)
            if (worker.busy) {
                worker.counted = cpu(other);
                worker.ran = {};
                worker.light = false;
            }
    choose();
    last_ = now;
}

void Turns::leave(Clock::time_point now, ModelIndex model, const CpuTime& cpu) {
    const auto found = workers_.find(model);
    if (found == workers_.end() || !found->second.busy) return;
    if (contended()) count(now, cpu);
    found->second.busy = false;
    choose();
    last_ = now;
}

void Turns::next(Clock::time_point now, const CpuTime& cpu) {
    if (contended()) count(now, cpu);
    choose();
    last_ = now;
}

Turns::Duration Turns::least_used(ModelIndex but_for) const {
    auto least = Duration::max();
    for (const auto& [model, worker] : workers_)
        if (model != but_for && worker.busy && !worker.light) least = std::min(least, worker.used);
    return least == Duration::max() ? Duration{} : least;
}

void Turns::count(Clock::time_point now, const CpuTime& cpu) {
    for (auto& [model, worker] : workers_) {
        if (!worker.busy) continue;
        if (worker.runs) worker.ran += now - last_;
        const auto total = cpu(model);
        const auto spent = std::max(Duration{}, total - worker.counted);
        worker.used += spent;
        worker.counted = total;
        worker.spent += spent;
        if (worker.ran < shortest_judged) continue;
        const bool was_light = worker.light;
        worker.light = worker.spent * light_share_divisor < worker.ran;
        // Turns that it did not want are not owed to it.
        if (was_light && !worker.light) worker.used = std::max(worker.used, least_used(model));
        worker.ran = {};
        worker.spent = {};
    }
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
    std::ranges::stable_sort(waiting, {}, [](const Worker* one) { return std::pair(one->used, one->runs); });
    int free = cores_;
    for (auto* const worker : waiting) {
        worker->runs = free == cores_ || worker->threads <= free;
        if (worker->runs) free -= worker->threads;
    }
}

}  // namespace sarai::pool
