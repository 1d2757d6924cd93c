#include "engine/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <string>
#include <thread>

namespace sarai::engine {
namespace {

std::string first_line(const std::filesystem::path& file) {
    std::string line;
    std::ifstream in(file);
    std::getline(in, line);
    return line;
}

// "0-3,8" → 0 1 2 3 8
std::set<int> cpu_list(std::string_view text) {
    std::set<int> cpus;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        int first = 0;
        int last = 0;
        const std::string part(text.substr(0, comma));
        const auto* const end = part.data() + part.size();
        const auto read = std::from_chars(part.data(), end, first);
        if (read.ec != std::errc{}) break;
        last = first;
        if (read.ptr != end && *read.ptr == '-') std::from_chars(read.ptr + 1, end, last);
        for (int cpu = first; cpu <= last && cpu - first < 4096; ++cpu) cpus.insert(cpu);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return cpus;
}

}  // namespace

int compute_cores(const std::filesystem::path& system, const std::vector<int>& cpus) {
    const auto fast = cpu_list(first_line(system / "cpu_core" / "cpus"));  // there on hybrid processors only
    std::set<std::string> cores;                                           // by the list of their threads
    for (const int cpu : cpus) {
        if (!fast.empty() && !fast.contains(cpu)) continue;
        auto siblings =
            first_line(system / "system" / "cpu" / ("cpu" + std::to_string(cpu)) / "topology" / "thread_siblings_list");
        cores.insert(siblings.empty() ? std::to_string(cpu) : std::move(siblings));
    }
    return std::max(1, static_cast<int>(cores.empty() ? cpus.size() : cores.size()));
}

int compute_cores() {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof mine, &mine) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &mine)) cpus.push_back(cpu);
    if (cpus.empty()) return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return compute_cores("/sys/devices", cpus);
}

}  // namespace sarai::engine
