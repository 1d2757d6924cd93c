#include "gateway/pull_limits.hpp"

#include <fmt/format.h>

namespace sarai::gateway {
namespace {

// Configurations are written in whole MiB.
std::int64_t mib_up(Bytes bytes) { return (bytes.count + (1 << 20) - 1) >> 20; }

}  // namespace

Result<void> check_memory(std::string_view model, Bytes file, const MemoryLimits& limits) {
    // Compared by subtracting what is ours: what a server says of a file's size may be any number.
    if (limits.budget == Bytes{} || file <= limits.budget - limits.own) return {};
    const bool possible = limits.machine == Bytes{} || file <= limits.machine - limits.own;
    return fail(Code::no_memory,
                fmt::format("model '{}' cannot fit: its file alone takes {} ({} bytes) and sarai itself {}, the memory "
                            "budget is {}; nothing was downloaded",
                            model, to_string(file), file.count, to_string(limits.own), to_string(limits.budget)),
                possible ? fmt::format("Pull a smaller quantisation or set memory.max_ram to more than {}MiB.",
                                       mib_up(file + limits.own))
                         : "Pull a smaller quantisation: this machine has not enough memory for it.");
}

}  // namespace sarai::gateway
