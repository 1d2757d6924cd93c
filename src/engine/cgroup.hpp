// Memory limits that the kernel keeps: a cgroup (version 2) of its own for every worker.
//
// Possible where a subtree with the memory controller is delegated to us: a systemd unit with Delegate=memory, or a
// container or root shell that has its cgroup to itself. sarai moves into a leaf of that subtree (processes may not
// live beside controlled children) and makes one child per worker:
//
//     sarai.service/            cgroup.subtree_control: +memory
//       sarai/                  this process and its measuring children
//       worker-1/               memory.max = the plan, its error allowance and the kernel's own share
//       worker-2/               memory.swap.max = 0: no way past the limit
//       worker-3/               memory.oom.group = 1: a worker ends as a whole
//
// The layout is the kernel's, see Documentation/admin-guide/cgroup-v2.rst. All paths are below a root that is given, so
// that tests use a folder. Belongs to the io thread; every call is a few small reads or writes of a kernel file system.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::engine {

// Where a process stands in the unified hierarchy; from /proc/self/mountinfo and /proc/self/cgroup.
// Errors: unsupported, with the reason.
[[nodiscard]] Result<std::filesystem::path> find_own_cgroup(std::string_view mountinfo, std::string_view own_cgroup);

// What stops `own` from being divided among workers; nothing if it can be. Only reads.
// Errors: unsupported, with the reason in words.
[[nodiscard]] Result<void> check_delegated(const std::filesystem::path& own, pid_t self);

// memory.max for a worker: what is planned, what the plan may be off by, and what the kernel charges to the cgroup that
// PSS does not show: page tables (8 bytes per page of 4 KiB), sockets, the worker's share of kernel objects.
[[nodiscard]] Bytes limit_for(Bytes planned, Bytes allowance);

class CgroupTree;

// One worker's cgroup. Ends whoever is left in it and removes it when destroyed.
class WorkerCgroup {
public:
    ~WorkerCgroup();
    WorkerCgroup(const WorkerCgroup&) = delete;
    WorkerCgroup& operator=(const WorkerCgroup&) = delete;

    // The file that a process writes its pid to in order to move in.
    [[nodiscard]] std::filesystem::path door() const { return path_ / "cgroup.procs"; }
    [[nodiscard]] Bytes limit() const { return limit_; }
    // The kernel ended a process in here because of the limit.
    [[nodiscard]] bool was_killed_for_memory() const;

private:
    friend class CgroupTree;
    WorkerCgroup(std::shared_ptr<CgroupTree> tree, std::filesystem::path path, Bytes limit)
        : tree_(std::move(tree)), path_(std::move(path)), limit_(limit) {}
    std::shared_ptr<CgroupTree> tree_;
    std::filesystem::path path_;
    Bytes limit_;
};

// The subtree that is ours.
class CgroupTree : public std::enable_shared_from_this<CgroupTree> {
public:
    // Moves process `self` into a leaf of `own` and hands the memory controller to its children. What an earlier sarai
    // left is removed. Errors: unsupported (not delegated), io.
    [[nodiscard]] static Result<std::shared_ptr<CgroupTree>> take(std::filesystem::path own, pid_t self);

    // Errors: io.
    [[nodiscard]] Result<std::unique_ptr<WorkerCgroup>> make_worker(Bytes limit);

    [[nodiscard]] const std::filesystem::path& path() const { return own_; }
    // Stalls of what is in the subtree alone: memory.pressure, in the format of /proc/pressure/memory.
    [[nodiscard]] std::filesystem::path pressure() const { return own_ / "memory.pressure"; }

private:
    friend class WorkerCgroup;
    explicit CgroupTree(std::filesystem::path own) : own_(std::move(own)) {}
    void remove(const std::filesystem::path& worker);
    void remove_leftovers();

    std::filesystem::path own_;
    std::uint64_t last_ = 0;
    std::vector<std::filesystem::path> leftovers_;  // whose processes had not ended yet
};

}  // namespace sarai::engine
