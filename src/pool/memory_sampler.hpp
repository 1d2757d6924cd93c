// Reads what processes take, on a thread of its own: the kernel walks page tables for it, about 2 ms per GiB, and the
// io thread has tokens to relay.
//
// All that descends from sarai is counted, and goes to the worker that it descends from: a wrapper script's real server
// is the worker's memory. What descends from no worker (measuring children) is counted apart.
//
// Two readings of different price: the exact one (PSS from smaps_rollup), and between two of them an estimate, the last
// exact one plus the growth of anonymous memory since (statm, microseconds whatever the size). The exact one is taken
// as often as is wanted, but rests a hundred times as long as it worked, so that it costs at most 1 % of a core; so
// does the estimate (see MemoryWatch::pause). A process that was not seen before, or whose files have
// changed by a quarter of it since, is read exactly at once.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "memory/pressure.hpp"
#include "memory/process_memory.hpp"

namespace sarai::pool {

struct MemoryReading {
    memory::ProcessMemory own;
    std::vector<std::optional<memory::ProcessMemory>> workers;  // as they were asked for; nullopt: gone
    memory::ProcessMemory others;
    memory::MachineMemory machine;
    std::optional<memory::Pressure> pressure;
    std::chrono::nanoseconds cost{};  // CPU time
    bool exact = false;               // of all processes
    bool estimated = true;            // of all processes, so that it cost little

    [[nodiscard]] memory::ProcessMemory total() const;
};

class MemorySampler {
public:
    // `stranger`: a child that is counted nowhere, with all that descends from it; 0: there is none.
    explicit MemorySampler(std::filesystem::path pressure, pid_t stranger = 0)
        : pressure_(std::move(pressure)), stranger_(stranger) {}

    // `workers`: pids; 0 is nobody. Exact readings are at least `exact_after` apart.
    [[nodiscard]] boost::asio::awaitable<MemoryReading> sample(std::vector<pid_t> workers,
                                                               std::chrono::milliseconds exact_after);

private:
    using Clock = std::chrono::steady_clock;
    struct Seen {
        memory::ProcessMemory exact;
        memory::Resident resident;  // at that time
    };
    [[nodiscard]] MemoryReading read(const std::vector<pid_t>& workers, std::chrono::milliseconds exact_after);
    [[nodiscard]] std::optional<memory::ProcessMemory> read_one(pid_t pid, bool exact, bool& estimated);

    // Used on the thread alone.
    std::filesystem::path pressure_;
    pid_t stranger_;
    std::map<pid_t, Seen> seen_;
    Clock::time_point next_exact_{};
    boost::asio::thread_pool thread_{1};  // last: joined before the rest goes
};

}  // namespace sarai::pool
