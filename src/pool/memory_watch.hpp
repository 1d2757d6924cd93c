// Watches what sarai's processes take, and asks the guard what to do about it.
//
// Owned by the pool's driver, on its io thread. The driver says who its workers are, waits for look(), and performs the
// actions; everybody else reads the latest numbers. Looks come every 500 ms, and every 100 ms while a model loads or
// memory is short, unless that would cost more than 1 % of a core.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "memory/guard.hpp"
#include "pool/memory_sampler.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool {

// Who keeps workers to their plans, and why it is that one; for people.
struct Enforcement {
    std::string mode = "watchdog";  // cgroup (and the watchdog for the machine as a whole), watchdog, off
    std::string why;
};

struct WatchRules {
    Enforcement enforcement;
    Bytes budget;
    Bytes reserve;             // memory.reserve
    std::vector<bool> pinned;  // by model; missing: not pinned
    std::filesystem::path pressure = "/proc/pressure/memory";
    pid_t stranger = 0;  // see MemorySampler
};

// A worker as the driver knows it.
struct Watched {
    ModelIndex model;
    pid_t pid;
    Bytes planned;
    Bytes prompt_cache;
    LocalState state;
    bool busy;
};

// What the watchdog did, or saw, for status and logs.
struct WatchEvent {
    std::chrono::system_clock::time_point at;
    memory::GuardStep step;
    std::string model;  // empty: about admission
    std::string why;
};

class MemoryWatch {
public:
    MemoryWatch(WatchRules rules, std::vector<std::string> models);

    struct Step {
        memory::GuardStep step;
        std::optional<ModelIndex> model;
        std::string why;
    };
    // Reads the memory of all processes now and decides. Actions about workers are about the processes in `workers`:
    // whoever performs them compares the pid.
    [[nodiscard]] boost::asio::awaitable<std::vector<Step>> look(std::vector<Watched> workers);
    // Until the next look.
    [[nodiscard]] std::chrono::milliseconds pause(bool loading) const;

    struct Model {
        pid_t pid = 0;
        memory::ProcessMemory measured;
        Bytes peak;       // of this process
        Bytes over_plan;  // 0 unless it is more than the plan's error, and not only for a moment
    };
    [[nodiscard]] const Model& model(ModelIndex index) const { return models_[index]; }
    void add_model(std::string name, bool pinned) {
        names_.push_back(std::move(name));
        models_.emplace_back();
        rules_.pinned.resize(models_.size() - 1);
        rules_.pinned.push_back(pinned);
    }
    void set_budget(Bytes budget) { guard_.set_budget(budget); }
    void forget(ModelIndex index) { models_[index] = {}; }  // its process has gone

    [[nodiscard]] const memory::ProcessMemory& own() const { return reading_.own; }
    [[nodiscard]] const memory::ProcessMemory& others() const { return reading_.others; }
    [[nodiscard]] const memory::MachineMemory& machine() const { return reading_.machine; }
    [[nodiscard]] const std::optional<memory::Pressure>& pressure() const { return reading_.pressure; }
    [[nodiscard]] Bytes peak_sum() const { return peak_sum_; }  // of one sample, all processes
    [[nodiscard]] const memory::Guard& guard() const { return guard_; }
    [[nodiscard]] const Enforcement& enforcement() const { return rules_.enforcement; }
    [[nodiscard]] const std::deque<WatchEvent>& events() const { return events_; }  // the last 20, oldest first
    [[nodiscard]] std::chrono::duration<double> cost() const { return cost_; }      // CPU time of all looks

private:
    WatchRules rules_;
    std::vector<std::string> names_;
    MemorySampler sampler_;
    memory::Guard guard_;
    std::vector<Model> models_;
    MemoryReading reading_;
    Bytes peak_sum_;
    std::deque<WatchEvent> events_;
    std::chrono::nanoseconds cost_{};
    std::chrono::nanoseconds cheap_cost_{};  // of the last look that was no exact one
};

}  // namespace sarai::pool
