#include "memory/process_memory.hpp"

#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

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

MachineMemory read_machine_memory() {
    const auto text = read_file("/proc/meminfo");
    return {.total = kilobytes_of(text, "MemTotal").value_or(Bytes{}),
            .available = kilobytes_of(text, "MemAvailable").value_or(Bytes{})};
}

}  // namespace sarai::memory
