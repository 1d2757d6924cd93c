// What a process really occupies, from the kernel.
//
// PSS (proportional set size, /proc/PID/smaps_rollup, see proc(5)) counts a page shared by n processes as 1/n, so that
// sums over processes are true. Reading it walks the page tables: about 2 ms per GiB, so not on the io thread.
#pragma once

#include <sys/types.h>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace sarai::memory {

struct ProcessMemory {
    Bytes pss;        // all of it: anonymous + file-backed + shared memory
    Bytes anonymous;  // Pss_Anon: cannot be dropped, only swapped
    Bytes file;       // Pss_File: mapped files, reclaimable

    ProcessMemory& operator+=(const ProcessMemory& other) {
        pss += other.pss;
        anonymous += other.anonymous;
        file += other.file;
        return *this;
    }
    bool operator==(const ProcessMemory&) const = default;
};

// Reads the text of smaps_rollup; nullopt where it has no Pss line.
[[nodiscard]] std::optional<ProcessMemory> parse_smaps_rollup(std::string_view text);

// nullopt for a process that has gone, is a zombie or belongs to somebody else.
[[nodiscard]] std::optional<ProcessMemory> read_process_memory(pid_t pid);

// What is resident, from /proc/PID/statm: a few microseconds, whatever the size. Tells growth between two readings of
// the above; it counts pages that are shared with other processes in full.
struct Resident {
    Bytes anonymous;
    Bytes file;  // and shared memory
    friend bool operator==(const Resident&, const Resident&) = default;
};
[[nodiscard]] std::optional<Resident> parse_statm(std::string_view text, Bytes page);
[[nodiscard]] std::optional<Resident> read_resident(pid_t pid);

// `root` and all that descends from it, parents before children. Processes whose parent died are not among them.
struct Descendant {
    pid_t pid;
    pid_t parent;  // 0 for the root
};
[[nodiscard]] std::vector<Descendant> process_tree(pid_t root);

// Of the machine, or of the container where its limit is lower (memory/container.hpp).
struct MachineMemory {
    Bytes total;      // MemTotal; 0: unknown
    Bytes available;  // MemAvailable: counts mapped weights as free, so no basis for admission
};
[[nodiscard]] MachineMemory read_machine_memory();

}  // namespace sarai::memory
