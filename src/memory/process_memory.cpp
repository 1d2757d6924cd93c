#include "memory/process_memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "memory/container.hpp"

namespace sarai::memory {
namespace {

// The amount behind "Name:   123 kB" at the start of a line.
std::optional<Bytes> kilobytes_of(std::string_view text, std::string_view name) {
    for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
        if (at != 0 && text[at - 1] != '\n') continue;
        auto rest = text.substr(at + name.size());
        if (!rest.starts_with(':')) continue;
        rest.remove_prefix(1);
        while (rest.starts_with(' ')) rest.remove_prefix(1);
        std::int64_t kib = 0;
        if (std::from_chars(rest.data(), rest.data() + rest.size(), kib).ec == std::errc{}) return KiB(kib);
    }
    return std::nullopt;
}

std::string read_file(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

}  // namespace

std::optional<ProcessMemory> parse_smaps_rollup(std::string_view text) {
    const auto pss = kilobytes_of(text, "Pss");
    if (!pss) return std::nullopt;
    return ProcessMemory{.pss = *pss,
                         .anonymous = kilobytes_of(text, "Pss_Anon").value_or(Bytes{}),
                         .file = kilobytes_of(text, "Pss_File").value_or(Bytes{})};
}

std::optional<ProcessMemory> read_process_memory(pid_t pid) {
    return parse_smaps_rollup(read_file("/proc/" + std::to_string(pid) + "/smaps_rollup"));
}

std::optional<Resident> parse_statm(std::string_view text, Bytes page) {
    // size resident shared text lib data dt, in pages; "shared" is file-backed and shmem.
    std::int64_t numbers[3] = {};
    const char* at = text.data();
    const char* const end = at + text.size();
    for (auto& number : numbers) {
        while (at != end && *at == ' ') ++at;
        const auto [next, ec] = std::from_chars(at, end, number);
        if (ec != std::errc{}) return std::nullopt;
        at = next;
    }
    return Resident{.anonymous = Bytes{(numbers[1] - numbers[2]) * page.count}, .file = Bytes{numbers[2] * page.count}};
}

std::optional<Resident> read_resident(pid_t pid) {
    static const Bytes page{::sysconf(_SC_PAGESIZE)};
    return parse_statm(read_file("/proc/" + std::to_string(pid) + "/statm"), page);
}

std::vector<Descendant> process_tree(pid_t root) {
    std::vector<Descendant> found{{.pid = root, .parent = 0}};
    for (std::size_t i = 0; i < found.size(); ++i) {  // grows meanwhile
        const auto parent = found[i].pid;
        // Children are listed with the thread that started them.
        std::error_code ec;
        for (std::filesystem::directory_iterator thread("/proc/" + std::to_string(parent) + "/task", ec), end;
             !ec && thread != end; thread.increment(ec)) {
            std::istringstream list(read_file(thread->path() / "children"));
            for (pid_t child = 0; list >> child;) found.push_back({.pid = child, .parent = parent});
        }
    }
    return found;
}

MachineMemory read_machine_memory() {
    const auto text = read_file("/proc/meminfo");
    // What cannot be read must not look like a machine that has nothing left.
    constexpr Bytes unknown{std::numeric_limits<std::int64_t>::max()};
    MachineMemory machine{.total = kilobytes_of(text, "MemTotal").value_or(Bytes{}),
                          .available = kilobytes_of(text, "MemAvailable").value_or(unknown)};
    if (const auto allowed = read_container_memory(read_file("/proc/self/cgroup"))) {
        if (machine.total.count == 0 || allowed->limit < machine.total) machine.total = allowed->limit;
        machine.available = std::min(machine.available, allowed->available);
    }
    return machine;
}

}  // namespace sarai::memory
