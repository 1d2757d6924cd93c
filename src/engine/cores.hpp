// How many threads are worth computing with.
#pragma once

#include <filesystem>
#include <vector>

namespace sarai::engine {

// Physical cores among the CPUs that this process may use; of a hybrid processor only the fast ones, since at every
// barrier all wait for the slowest. At least 1. Where the system does not tell: the number of CPUs.
// `system`: /sys/devices but for tests; `may_use`: is that CPU among those of the process?
[[nodiscard]] int compute_cores();
[[nodiscard]] int compute_cores(const std::filesystem::path& system, const std::vector<int>& cpus);

}  // namespace sarai::engine
