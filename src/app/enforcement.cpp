#include "app/enforcement.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace sarai::app {

CgroupFacts CgroupFacts::of_process() {
    const auto read = [](const char* path) {
        std::ifstream in(path);
        std::ostringstream text;
        text << in.rdbuf();
        return std::move(text).str();
    };
    return {.mountinfo = read("/proc/self/mountinfo"), .cgroup = read("/proc/self/cgroup"), .pid = ::getpid()};
}

Result<ChosenEnforcement> choose_enforcement(std::string_view wanted, const CgroupFacts& facts) {
    if (wanted == "off")
        return ChosenEnforcement{{.mode = "off", .why = "memory.enforcement is off: nothing is done but to report"},
                                 {}};
    if (wanted == "watchdog")
        return ChosenEnforcement{{.mode = "watchdog", .why = "memory.enforcement is watchdog"}, {}};
    const auto own = engine::find_own_cgroup(facts.mountinfo, facts.cgroup);
    auto tree = own ? engine::CgroupTree::take(*own, facts.pid)
                    : Result<std::shared_ptr<engine::CgroupTree>>(std::unexpected(own.error()));
    if (tree)
        return ChosenEnforcement{
            {.mode = "cgroup", .why = fmt::format("{} is delegated to sarai", (*tree)->path().string())}, *tree};
    if (wanted == "cgroup")
        return fail(Code::unsupported, fmt::format("memory.enforcement is cgroup, but {}", describe(tree.error())),
                    "Start sarai as a systemd unit with Delegate=memory (deploy/sarai.service), or set "
                    "memory.enforcement to auto or watchdog.");
    return ChosenEnforcement{{.mode = "watchdog", .why = fmt::format("no cgroups: {}", describe(tree.error()))}, {}};
}

}  // namespace sarai::app
