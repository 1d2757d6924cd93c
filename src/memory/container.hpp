// The memory that the container or service allows which this process runs in: the kernel's limits on its control
// groups, of version 2 (memory.max) and of version 1 (memory.limit_in_bytes).
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace sarai::memory {

struct ContainerMemory {
    Bytes limit;      // the lowest on the way up
    Bytes available;  // the least that is left under any limit on the way up; file cache that may go counts as free
};

// `own_cgroup` is the text of /proc/self/cgroup, `mount` where the hierarchies are. nullopt: nothing limits us.
[[nodiscard]] std::optional<ContainerMemory> read_container_memory(
    std::string_view own_cgroup, const std::filesystem::path& mount = "/sys/fs/cgroup");

}  // namespace sarai::memory
