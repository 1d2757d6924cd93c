// The processor as the engine sees it: which of its instructions the engine has code for, and how much of it a
// container may use.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::engine {

struct Cpu {
    std::string name;  // "AMD Ryzen 7 5800X 8-Core Processor"; empty: the kernel does not tell
    int logical = 0;   // CPUs of the machine
    std::vector<std::string>
        features;  // those that ggml has code for, from the oldest to the newest: "avx2", "avx512f"
};
// The text of /proc/cpuinfo.
[[nodiscard]] Cpu parse_cpuinfo(std::string_view text);

// "haswell" of ".../libggml-cpu-haswell.so": ggml picks the best of several builds for the processor that it runs on.
// Empty for a file that is no such build; "built in" where there is but one, libggml-cpu.so.
[[nodiscard]] std::string cpu_build(const std::filesystem::path& library);

// CPUs that the control groups on the way up allow: 1.5 of a quota of 150 ms in each 100 ms. `own_cgroup` is the text
// of /proc/self/cgroup, `mount` where the hierarchies are. nullopt: as many as there are.
[[nodiscard]] std::optional<double> read_cpu_quota(std::string_view own_cgroup,
                                                   const std::filesystem::path& mount = "/sys/fs/cgroup");

}  // namespace sarai::engine
