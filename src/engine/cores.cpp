#include "engine/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>

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

std::vector<Core> compute_cores(const std::filesystem::path& system, const std::vector<int>& cpus) {
    auto useful = cpus;
    const auto fast = cpu_list(first_line(system / "cpu_core" / "cpus"));  // there on hybrid processors only
    std::erase_if(useful, [&](int cpu) { return !fast.empty() && !fast.contains(cpu); });
    if (useful.empty()) useful = cpus;
    if (useful.empty()) useful = {0};
    std::ranges::sort(useful);
    std::vector<Core> cores;
    std::map<std::string, std::size_t> by_siblings;  // the list of a core's threads names it
    for (const int cpu : useful) {
        auto siblings =
            first_line(system / "system" / "cpu" / ("cpu" + std::to_string(cpu)) / "topology" / "thread_siblings_list");
        if (siblings.empty()) siblings = std::to_string(cpu);
        const auto [found, is_new] = by_siblings.try_emplace(std::move(siblings), cores.size());
        if (is_new) cores.emplace_back();
        cores[found->second].push_back(cpu);
    }
    return cores;
}

std::vector<Core> compute_cores() {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof mine, &mine) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &mine)) cpus.push_back(cpu);
    // More than a set holds: all of them.
    if (cpus.empty())
        for (unsigned cpu = 0; cpu < std::thread::hardware_concurrency(); ++cpu) cpus.push_back(static_cast<int>(cpu));
    return compute_cores("/sys/devices", cpus);
}

}  // namespace sarai::engine
