// The cores that are worth computing with.
#pragma once

#include <filesystem>
#include <vector>

namespace sarai::engine {

using Core = std::vector<int>;  // its CPUs, as the system counts them, in order

// Physical cores among the CPUs that this process may use; of a hybrid processor only the fast ones, since at every
// barrier all wait for the slowest. At least one. Where the system does not tell, each CPU is one.
// `system`: /sys/devices but for tests; `cpus`: that the process may use.
[[nodiscard]] std::vector<Core> compute_cores();
[[nodiscard]] std::vector<Core> compute_cores(const std::filesystem::path& system, const std::vector<int>& cpus);

}  // namespace sarai::engine
