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

namespace {

// Where the configuration leaves no choice.
std::optional<pool::Enforcement> without_cgroups(std::string_view wanted) {
    if (wanted == "off")
        return pool::Enforcement{.mode = "off", .why = "memory.enforcement is off: nothing is done but to report"};
    if (wanted == "watchdog") return pool::Enforcement{.mode = "watchdog", .why = "memory.enforcement is watchdog"};
    return std::nullopt;
}

pool::Enforcement with_cgroups(const std::filesystem::path& own) {
    return {.mode = "cgroup", .why = fmt::format("{} is delegated to sarai", own.string())};
}

// `cause`: why there are no cgroups.
Result<pool::Enforcement> instead_of_cgroups(std::string_view wanted, const Error& cause) {
    if (wanted == "cgroup")
        return fail(Code::unsupported, fmt::format("memory.enforcement is cgroup, but {}", describe(cause)),
                    "Start sarai as a systemd unit with Delegate=memory (deploy/sarai.service), or set "
                    "memory.enforcement to auto or watchdog.");
    return pool::Enforcement{.mode = "watchdog", .why = fmt::format("no cgroups: {}", describe(cause))};
}

}  // namespace

Result<ChosenEnforcement> choose_enforcement(std::string_view wanted, const CgroupFacts& facts) {
    if (auto told = without_cgroups(wanted)) return ChosenEnforcement{std::move(*told), {}};
    const auto own = engine::find_own_cgroup(facts.mountinfo, facts.cgroup);
    auto tree = own ? engine::CgroupTree::take(*own, facts.pid)
                    : Result<std::shared_ptr<engine::CgroupTree>>(std::unexpected(own.error()));
    if (tree) return ChosenEnforcement{with_cgroups((*tree)->path()), *tree};
    return instead_of_cgroups(wanted, tree.error()).transform([](pool::Enforcement shown) {
        return ChosenEnforcement{std::move(shown), {}};
    });
}

Result<pool::Enforcement> expect_enforcement(std::string_view wanted, const CgroupFacts& facts) {
    if (auto told = without_cgroups(wanted)) return *told;
    const auto own = engine::find_own_cgroup(facts.mountinfo, facts.cgroup);
    if (!own) return instead_of_cgroups(wanted, own.error());
    if (const auto ours = engine::check_delegated(*own, facts.pid); !ours)
        return instead_of_cgroups(wanted, ours.error());
    return with_cgroups(*own);
}

}  // namespace sarai::app
