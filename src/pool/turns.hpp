// Whose turn it is to compute: gang scheduling of local workers that are busy at once and have more threads than the
// machine has cores. Pure: the driver tells time and CPU time, and pauses and resumes the processes.
//
// A worker's threads meet at a barrier several hundred times per token and spin there for their fellows. Left to the
// kernel, threads of several workers spin for fellows that are not running: three models at once took two to nine
// times as long as one after the other. Put to sleep at barriers instead, a worker that is alone loses about 5 %
// (bench/concurrent). So they spin, and workers take turns as a whole (Ousterhout 1982).
//
// The one that has had the machine for the shortest time runs next, and as many others beside it as have cores. Who
// comes later starts where those present are, or a few turns behind them if it had more before: short requests are
// served soon, and cannot push out a long one by coming again and again. A worker that hardly computes, because its
// client reads slowly, runs beside the others until it computes again.
#pragma once

#include <chrono>
#include <functional>
#include <map>

#include "pool/pool_core.hpp"

namespace sarai::pool {

class Turns {
public:
    using Duration = std::chrono::nanoseconds;
    // CPU time of a worker's process so far, of all its threads.
    using CpuTime = std::function<Duration(ModelIndex)>;

    // Long against the price of a change (microseconds), short for who reads along.
    static constexpr std::chrono::milliseconds length{100};

    explicit Turns(int cores) : cores_(cores) {}

    // `threads`: that it computes with. Where its process was counted before, `cpu` is not asked for it: a request
    // waits for this, and a process that is not busy uses hardly anything.
    void join(Clock::time_point now, ModelIndex model, int threads, const CpuTime& cpu);
    void leave(Clock::time_point now, ModelIndex model, const CpuTime& cpu);
    // The model's next process is another one: its CPU time begins anew.
    void forget_process(ModelIndex model) { workers_[model].known = false; }
    // Its turn is over, or somebody joined or left: counts what was used and chooses anew.
    void next(Clock::time_point now, const CpuTime& cpu);

    // More threads are busy than there are cores: next() is to be called after `length`.
    [[nodiscard]] bool contended() const;
    // True also for a worker that is not busy.
    [[nodiscard]] bool may_run(ModelIndex model) const;

private:
    struct Worker {
        bool busy = false;
        int threads = 1;
        Duration held{};        // how long it has had the machine, while there were turns
        Duration counted{};     // its process's CPU time when it was last counted
        bool known = false;     // `counted` is of the process that there is
        Clock::duration ran{};  // and `spent` in it: not judged yet
        Duration spent{};
        bool light = false;  // hardly used what it had last
        bool runs = true;
    };
    void count(Clock::time_point now, const CpuTime& cpu);
    void choose();

    int cores_;
    std::map<ModelIndex, Worker> workers_;  // also those that were busy once: they keep what they had
    Duration floor_{};                      // the least that a competing one has had; only grows
    Clock::time_point last_{};              // when it was last counted
};

}  // namespace sarai::pool
