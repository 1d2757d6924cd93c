#include "app/port_owner.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/program.hpp"

namespace sarai::app {
namespace fs = std::filesystem;

namespace {

// Inodes of the sockets that listen on `port`. Columns: proc(5), /proc/net/tcp; state 0A is LISTEN.
std::set<std::string> listening_inodes(std::uint16_t port) {
    std::set<std::string> inodes;
    const auto suffix = fmt::format(":{:04X}", port);
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream in(table);
        std::string line;
        while (std::getline(in, line)) {
            std::istringstream columns(line);
            std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
            columns >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
            if (state == "0A" && local.ends_with(suffix)) inodes.insert("socket:[" + inode + "]");
        }
    }
    return inodes;
}

std::string command_of(pid_t pid) {
    auto text = fmt::format("{}", fmt::join(engine::command_line_of(pid), " "));
    if (text.size() > 120) text = text.substr(0, 117) + "...";
    return text;
}

}  // namespace

std::optional<PortOwner> find_port_owner(std::uint16_t port) {
    const auto inodes = listening_inodes(port);
    if (inodes.empty()) return std::nullopt;
    // A service manager keeps the sockets that it opened for others: it is named where nobody else has this one.
    std::optional<PortOwner> manager;
    std::error_code ec;
    for (const auto& process : fs::directory_iterator("/proc", ec)) {
        const auto name = process.path().filename().string();
        pid_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size() || pid == 0)
            continue;
        std::error_code ignored;
        for (const auto& fd : fs::directory_iterator(process.path() / "fd", ignored)) {
            const auto target = fs::read_symlink(fd.path(), ignored).string();
            if (!inodes.contains(target)) continue;
            PortOwner owner{.pid = pid, .command = command_of(pid)};
            if (pid != 1) return owner;
            manager = owner;
        }
    }
    return manager;
}

}  // namespace sarai::app
