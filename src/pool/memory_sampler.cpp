#include "pool/memory_sampler.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <set>

namespace sarai::pool {
namespace {

constexpr int rest_per_work = 100;
constexpr int most_change = 4;  // of files, as a part of the process: with more there is no estimate

std::chrono::nanoseconds cpu_time_of_thread() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

memory::ProcessMemory MemoryReading::total() const {
    auto sum = own;
    sum += others;
    for (const auto& worker : workers)
        if (worker) sum += *worker;
    return sum;
}

boost::asio::awaitable<MemoryReading> MemorySampler::sample(std::vector<pid_t> workers,
                                                            std::chrono::milliseconds exact_after) {
    const auto on_thread = [](MemorySampler* self, std::vector<pid_t> pids,
                              std::chrono::milliseconds after) -> boost::asio::awaitable<MemoryReading> {
        co_return self->read(pids, after);
    };
    co_return co_await boost::asio::co_spawn(thread_, on_thread(this, std::move(workers), exact_after),
                                             boost::asio::use_awaitable);
}

std::optional<memory::ProcessMemory> MemorySampler::read_one(pid_t pid, bool exact, bool& estimated) {
    const auto resident = memory::read_resident(pid);
    const auto found = seen_.find(pid);
    if (!exact && resident && found != seen_.end()) {
        const auto& [last, then] = found->second;
        // Who was looked at as it began has become another program since and mapped its files, and how much of them is
        // its own only the exact reading knows.
        const auto files = resident->file - then.file;
        if (std::max(files, Bytes{} - files).count <= last.pss.count / most_change) {
            auto estimate = last;
            const auto growth = std::max(resident->anonymous - then.anonymous, Bytes{} - last.anonymous);
            estimate.anonymous += growth;
            estimate.pss += growth;
            return estimate;
        }
    }
    estimated = false;
    auto memory = memory::read_process_memory(pid);
    if (memory) seen_[pid] = {.exact = *memory, .resident = resident.value_or(memory::Resident{})};
    return memory;
}

MemoryReading MemorySampler::read(const std::vector<pid_t>& workers, std::chrono::milliseconds exact_after) {
    const auto begun = cpu_time_of_thread();
    const auto self = ::getpid();
    MemoryReading reading{.exact = Clock::now() >= next_exact_};
    reading.workers.resize(workers.size());

    auto tree = memory::process_tree(self);
    // The listing may miss a child while another one ends, see proc(5); and without CONFIG_PROC_CHILDREN it is empty.
    for (const auto pid : workers)
        if (pid != 0 && !std::ranges::contains(tree, pid, &memory::Descendant::pid)) tree.push_back({pid, self});

    constexpr std::size_t others = -1;
    constexpr std::size_t strangers = -2;
    std::map<pid_t, std::size_t> owner;  // the worker's index, by process
    std::map<pid_t, Seen> still_there;
    for (const auto& [pid, parent] : tree) {
        const auto as_worker = std::ranges::find(workers, pid);
        const auto inherited = owner.find(parent);
        const auto whose = as_worker != workers.end() ? static_cast<std::size_t>(as_worker - workers.begin())
                           : inherited != owner.end() ? inherited->second
                           : pid == stranger_         ? strangers
                                                      : others;
        if (pid != self) owner[pid] = whose;
        if (whose == strangers) continue;
        const auto memory = read_one(pid, reading.exact, reading.estimated);
        if (!memory) continue;
        still_there.insert(seen_.extract(pid));
        if (pid == self)
            reading.own = *memory;
        else if (whose == others)
            reading.others += *memory;
        else if (auto& sum = reading.workers[whose])
            *sum += *memory;
        else
            sum = *memory;
    }
    seen_ = std::move(still_there);
    reading.machine = memory::read_machine_memory();
    reading.pressure = memory::read_pressure(pressure_);
    reading.cost = cpu_time_of_thread() - begun;
    if (reading.exact)
        next_exact_ = Clock::now() + std::max<Clock::duration>(exact_after, reading.cost * rest_per_work);
    return reading;
}

}  // namespace sarai::pool
