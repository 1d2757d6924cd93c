// Who keeps workers to their plans: the kernel's cgroups where they are ours, else the watchdog.
#pragma once

#include <memory>
#include <string_view>

#include "engine/cgroup.hpp"
#include "pool/memory_watch.hpp"

namespace sarai::app {

struct ChosenEnforcement {
    pool::Enforcement shown;
    std::shared_ptr<engine::CgroupTree> cgroups;  // null: none
};

// What a process stands in, as the kernel tells it in /proc/self.
struct CgroupFacts {
    std::string mountinfo;
    std::string cgroup;
    pid_t pid = 0;
    [[nodiscard]] static CgroupFacts of_process();
};

// `wanted`: memory.enforcement. Where it is cgroup or auto and can be, the process moves to a leaf of its cgroup.
// Errors: unsupported, where cgroup is wanted and cannot be.
[[nodiscard]] Result<ChosenEnforcement> choose_enforcement(std::string_view wanted, const CgroupFacts& facts);

// What that would choose for this process, without moving it. Errors: likewise.
[[nodiscard]] Result<pool::Enforcement> expect_enforcement(std::string_view wanted, const CgroupFacts& facts);

}  // namespace sarai::app
