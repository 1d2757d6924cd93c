// How much the machine suffers from too little memory: pressure stall information (PSI), as the kernel counts it.
//
// Linux since 4.20, absent where it was not built in or is switched off (psi=0). See the kernel's
// Documentation/accounting/psi.rst.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace sarai::memory {

// Shares of the last 10 s, in percent.
struct Pressure {
    double some = 0;  // at least one task waited for memory
    double full = 0;  // all that had something to do waited for it
};

// Reads the text of /proc/pressure/memory, or of a cgroup's memory.pressure; nullopt where it is something else.
[[nodiscard]] std::optional<Pressure> parse_pressure(std::string_view text);

[[nodiscard]] std::optional<Pressure> read_pressure(const std::filesystem::path& file = "/proc/pressure/memory");

}  // namespace sarai::memory
