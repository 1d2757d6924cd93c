#include "engine/cpu.hpp"

#include <algorithm>
#include <array>
#include <ranges>
#include <set>
#include <sstream>

#include "engine/kernel_file.hpp"

namespace sarai::engine {
namespace fs = std::filesystem;
namespace {

// As the kernel spells them, of x86 and of ARM.
constexpr std::array<std::string_view, 19> used{"sse4_2",      "avx",         "f16c",     "fma",      "bmi2",
                                                "avx2",        "avx_vnni",    "avx512f",  "avx512bw", "avx512vbmi",
                                                "avx512_vnni", "avx512_bf16", "amx_int8", "asimd",    "asimddp",
                                                "fphp",        "i8mm",        "sve",      "sve2"};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

void tighten(std::optional<double>& found, double quota, double period) {
    if (quota <= 0 || period <= 0) return;  // -1: none
    found = std::min(found.value_or(quota / period), quota / period);
}

// "150000 100000", or "max 100000".
void read_version_2(std::optional<double>& found, const fs::path& group) {
    std::istringstream text(read_kernel_file(group / "cpu.max"));
    double quota = 0;
    double period = 0;
    if (text >> quota >> period) tighten(found, quota, period);
}

void read_version_1(std::optional<double>& found, const fs::path& group) {
    std::istringstream quota_text(read_kernel_file(group / "cpu.cfs_quota_us"));
    std::istringstream period_text(read_kernel_file(group / "cpu.cfs_period_us"));
    double quota = 0;
    double period = 0;
    if (quota_text >> quota && period_text >> period) tighten(found, quota, period);
}

// As in memory/container.cpp: a limit holds for all below it, and a container may see its own part alone.
void upwards(std::optional<double>& found, const fs::path& mount, std::string_view path,
             void (*read)(std::optional<double>&, const fs::path&)) {
    while (path.starts_with('/')) path.remove_prefix(1);
    for (fs::path below = path.starts_with("..") ? fs::path{} : fs::path(path); !below.empty();
         below = below.parent_path())
        read(found, mount / below);
    read(found, mount);
}

}  // namespace

Cpu parse_cpuinfo(std::string_view text) {
    Cpu cpu;
    std::set<std::string_view> flags;
    for (const auto part : std::views::split(text, '\n')) {
        const std::string_view line(part);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto key = trimmed(line.substr(0, colon));
        const auto value = trimmed(line.substr(colon + 1));
        if (key == "processor") ++cpu.logical;
        if (key == "model name" && cpu.name.empty()) cpu.name = value;
        // Those of the first CPU: the engine, too, looks at the one that it happens to run on.
        if ((key == "flags" || key == "Features") && flags.empty())
            for (const auto word : std::views::split(value, ' ')) flags.emplace(std::string_view(word));
    }
    for (const auto feature : used)
        if (flags.contains(feature)) cpu.features.emplace_back(feature);
    return cpu;
}

std::string cpu_build(const fs::path& library) {
    constexpr std::string_view prefix = "libggml-cpu";
    auto name = library.filename().string();
    if (!name.starts_with(prefix)) return {};
    name = name.substr(prefix.size(), name.find(".so") - prefix.size());
    return name.starts_with('-') ? name.substr(1) : "built in";
}

std::optional<double> read_cpu_quota(std::string_view own_cgroup, const fs::path& mount) {
    std::optional<double> found;
    for (const auto part : std::views::split(own_cgroup, '\n')) {
        const std::string_view line(part);
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        if (controllers.empty()) {
            upwards(found, mount, line.substr(second + 1), read_version_2);
        } else if (std::ranges::any_of(std::views::split(controllers, ','),
                                       [](auto name) { return std::string_view(name) == "cpu"; })) {
            upwards(found, mount / "cpu", line.substr(second + 1), read_version_1);
        }
    }
    return found;
}

}  // namespace sarai::engine
