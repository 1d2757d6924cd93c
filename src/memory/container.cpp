#include "memory/container.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <ranges>
#include <sstream>
#include <string>

namespace sarai::memory {
namespace fs = std::filesystem;
namespace {

// Names of the same things in the two versions.
struct Files {
    const char* limit;
    const char* used;
    // Lines of memory.stat with pages of files, which the kernel can drop. As in MemAvailable also those in use:
    // weights that were read or mapped twice count as active long after their model has gone.
    const char* inactive;
    const char* active;
};
constexpr Files version_2{"memory.max", "memory.current", "inactive_file ", "active_file "};
constexpr Files version_1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ",
                          "total_active_file "};
// Version 1 writes "no limit" as the largest number of pages it can count.
constexpr std::int64_t no_limit = std::int64_t{1} << 60U;

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

// nullopt for "max" and where there is no such file.
std::optional<std::int64_t> number_in(std::string_view text) {
    std::int64_t number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{}) return std::nullopt;
    return number;
}

std::int64_t line_in(const std::string& text, std::string_view name) {
    for (const auto part : std::views::split(text, '\n')) {
        const std::string_view line(part);
        if (line.starts_with(name)) return number_in(line.substr(name.size())).value_or(0);
    }
    return 0;
}

void tighten(std::optional<ContainerMemory>& found, const fs::path& group, const Files& files) {
    const auto limit = number_in(read_file(group / files.limit));
    if (!limit || *limit >= no_limit) return;
    const auto used = number_in(read_file(group / files.used)).value_or(0);
    const auto stat = read_file(group / "memory.stat");
    const auto cache = line_in(stat, files.inactive) + line_in(stat, files.active);
    const Bytes left{std::max(std::int64_t{0}, *limit - used + cache)};
    if (!found) found = ContainerMemory{.limit = Bytes{*limit}, .available = left};
    found->limit = std::min(found->limit, Bytes{*limit});
    found->available = std::min(found->available, left);
}

// A limit holds for all below it. Where a container sees only its own part, the path from outside does not exist
// inside, and the mount itself is the container's group.
void tighten_upwards(std::optional<ContainerMemory>& found, const fs::path& mount, std::string_view path,
                     const Files& files) {
    while (path.starts_with('/')) path.remove_prefix(1);
    // A namespace writes ".." for what lies above its root; that is not to be seen from here.
    for (fs::path below = path.starts_with("..") ? fs::path{} : fs::path(path); !below.empty();
         below = below.parent_path())
        tighten(found, mount / below, files);
    tighten(found, mount, files);
}

}  // namespace

std::optional<ContainerMemory> read_container_memory(std::string_view own_cgroup, const fs::path& mount) {
    std::optional<ContainerMemory> found;
    for (const auto part : std::views::split(own_cgroup, '\n')) {
        // "0::/user.slice" of version 2, "9:cpu,memory:/docker/1f" of version 1.
        const std::string_view line(part);
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const auto path = line.substr(second + 1);
        if (controllers.empty()) {
            tighten_upwards(found, mount, path, version_2);
        } else if (std::ranges::any_of(std::views::split(controllers, ','),
                                       [](auto name) { return std::string_view(name) == "memory"; })) {
            tighten_upwards(found, mount / "memory", path, version_1);
        }
    }
    return found;
}

}  // namespace sarai::memory
