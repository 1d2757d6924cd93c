// What a process really occupies, from the kernel.
//
// PSS (proportional set size, /proc/PID/smaps_rollup, see proc(5)) counts a page shared by n processes as 1/n, so that
// sums over processes are true. Reading it walks the page tables: about 2 ms per GiB, so not on the io thread.
#pragma once

#include <sys/types.h>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace sarai::memory {

struct ProcessMemory {
    Bytes pss;        // all of it: anonymous + file-backed + shared memory
    Bytes anonymous;  // Pss_Anon: cannot be dropped, only swapped
    Bytes file;       // Pss_File: mapped files, reclaimable
};

// Reads the text of smaps_rollup; nullopt where it has no Pss line.
[[nodiscard]] std::optional<ProcessMemory> parse_smaps_rollup(std::string_view text);

// nullopt for a process that has gone, is a zombie or belongs to somebody else.
[[nodiscard]] std::optional<ProcessMemory> read_process_memory(pid_t pid);

struct MachineMemory {
    Bytes total;      // MemTotal
    Bytes available;  // MemAvailable: counts mapped weights as free, so no basis for admission
};
[[nodiscard]] MachineMemory read_machine_memory();

}  // namespace sarai::memory
