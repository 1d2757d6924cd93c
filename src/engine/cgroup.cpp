#include "engine/cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ranges>
#include <sstream>

#include "engine/kernel_file.hpp"

namespace sarai::engine {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view leaf_name = "sarai";
constexpr std::string_view worker_prefix = "worker-";

// One write(2): the kernel takes each as a whole.
Result<void> write_file(const fs::path& path, std::string_view text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const bool written = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const std::error_code ec(errno, std::generic_category());
    if (file >= 0) ::close(file);
    if (written) return {};
    return fail(Code::io, fmt::format("cannot write \"{}\" to {}", text, path.string()), ec);
}

bool has_word(std::string_view text, std::string_view word) {
    for (const auto part : std::views::split(text, ' ')) {
        std::string_view one(part);
        while (one.ends_with('\n')) one.remove_suffix(1);
        if (one == word) return true;
    }
    return false;
}

std::vector<pid_t> processes_in(const fs::path& cgroup) {
    std::istringstream list(read_kernel_file(cgroup / "cgroup.procs"));
    std::vector<pid_t> pids;
    for (pid_t pid = 0; list >> pid;) pids.push_back(pid);
    return pids;
}

// The root of the hierarchy is the only cgroup without a type, and the only one that may have both processes and
// controlled children.
bool is_real_root(const fs::path& cgroup) { return !fs::exists(cgroup / "cgroup.type"); }

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (const auto part : std::views::split(line, ' ')) words.emplace_back(part);
    return words;
}

}  // namespace

Result<fs::path> find_own_cgroup(std::string_view mountinfo, std::string_view own_cgroup) {
    // "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw": its root, where it is, what it is.
    std::optional<fs::path> mount;
    std::string root;
    for (const auto part : std::views::split(mountinfo, '\n')) {
        const auto words = words_of(std::string_view(part));
        const auto dash = std::ranges::find(words, "-");
        if (words.size() < 5 || std::distance(dash, words.end()) < 2 || *(dash + 1) != "cgroup2") continue;
        mount = fs::path(words[4]);
        root = words[3];
        break;
    }
    if (!mount) return fail(Code::unsupported, "no cgroup v2 hierarchy is mounted");
    for (const auto part : std::views::split(own_cgroup, '\n')) {
        std::string_view line(part);
        if (!line.starts_with("0::/")) continue;
        auto path = line.substr(3);
        // Both are as seen from the cgroup namespace; a bind mount of a part shows only that part.
        if (root != "/" && path.starts_with(root)) path.remove_prefix(root.size());
        while (path.starts_with('/')) path.remove_prefix(1);
        return path.empty() ? *mount : *mount / path;
    }
    return fail(Code::unsupported, "this process is in no cgroup of version 2");
}

Result<void> check_delegated(const fs::path& own, pid_t self) {
    const auto no = [](std::string why) { return fail(Code::unsupported, std::move(why)); };
    if (!fs::is_directory(own)) return no(fmt::format("{} does not exist", own.string()));
    if (!has_word(read_kernel_file(own / "cgroup.controllers"), "memory"))
        return no(fmt::format("the cgroup {} has no memory controller (is it used by cgroup v1, or not delegated?)",
                              own.string()));
    if (::access(own.c_str(), W_OK) != 0 || ::access((own / "cgroup.subtree_control").c_str(), W_OK) != 0 ||
        ::access((own / "cgroup.procs").c_str(), W_OK) != 0)
        return no(fmt::format("the cgroup {} is not delegated to this user (systemd: Delegate=memory)", own.string()));
    if (is_real_root(own)) return {};
    for (const auto pid : processes_in(own))
        if (pid != self)
            return no(
                fmt::format("the cgroup {} is shared with process {}: start sarai in one of its own (systemd: a "
                            "unit with Delegate=memory)",
                            own.string(), pid));
    return {};
}

Bytes limit_for(Bytes planned, Bytes allowance) { return planned + allowance + Bytes{planned.count / 512} + MiB(16); }

// ---------------------------------------------------------------- the subtree

Result<std::shared_ptr<CgroupTree>> CgroupTree::take(fs::path own, pid_t self) {
    if (const auto ours = check_delegated(own, self); !ours) return std::unexpected(ours.error());
    std::shared_ptr<CgroupTree> tree(new CgroupTree(std::move(own)));
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(tree->own_, ec))
        if (entry.is_directory() && entry.path().filename().string().starts_with(worker_prefix))
            tree->leftovers_.push_back(entry.path());
    tree->remove_leftovers();
    if (!is_real_root(tree->own_)) {
        const auto leaf = tree->own_ / leaf_name;
        fs::create_directory(leaf, ec);
        if (ec) return fail(Code::io, fmt::format("cannot make the cgroup {}", leaf.string()), ec);
        if (auto moved = write_file(leaf / "cgroup.procs", std::to_string(self)); !moved)
            return std::unexpected(moved.error());
    }
    if (!has_word(read_kernel_file(tree->own_ / "cgroup.subtree_control"), "memory"))
        if (auto enabled = write_file(tree->own_ / "cgroup.subtree_control", "+memory"); !enabled)
            return std::unexpected(enabled.error());
    return tree;
}

Result<std::unique_ptr<WorkerCgroup>> CgroupTree::make_worker(Bytes limit) {
    remove_leftovers();
    // Not one that is left: whoever is in it is killed as soon as that is possible.
    fs::path path;
    do path = own_ / fmt::format("{}{}", worker_prefix, ++last_);
    while (std::ranges::contains(leftovers_, path));
    std::error_code ec;
    fs::create_directory(path, ec);
    if (ec) return fail(Code::io, fmt::format("cannot make the cgroup {}", path.string()), ec);
    std::unique_ptr<WorkerCgroup> made(new WorkerCgroup(shared_from_this(), path, limit));
    for (const auto& [file, text] : {std::pair{"memory.max", std::to_string(limit.count)}, {"memory.oom.group", "1"}})
        if (auto written = write_file(path / file, text); !written) return std::unexpected(written.error());
    // memory.max does not count what is swapped out. A kernel without swap accounting has no such file.
    if (const auto swap = path / "memory.swap.max"; fs::exists(swap, ec))
        if (auto written = write_file(swap, "0"); !written) return std::unexpected(written.error());
    return made;
}

// Processes that were killed leave a cgroup only once they were reaped, by whomever: that may take a moment.
void CgroupTree::remove(const fs::path& worker) {
    if (!processes_in(worker).empty()) (void)write_file(worker / "cgroup.kill", "1");
    if (::rmdir(worker.c_str()) != 0 && errno != ENOENT) leftovers_.push_back(worker);
}

void CgroupTree::remove_leftovers() {
    for (const auto& path : std::exchange(leftovers_, {})) remove(path);
}

WorkerCgroup::~WorkerCgroup() { tree_->remove(path_); }

bool WorkerCgroup::was_killed_for_memory() const {
    std::istringstream events(read_kernel_file(path_ / "memory.events"));
    std::string name;
    for (std::int64_t count = 0; events >> name >> count;)
        if (name == "oom_kill" && count > 0) return true;
    return false;
}

}  // namespace sarai::engine
