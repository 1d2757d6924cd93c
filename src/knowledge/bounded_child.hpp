// Runs a program that reads hostile bytes: it alone dies of them, and within bounds of time, memory and output.
//
// Blocks, so it belongs on a thread of its own. The child has no terminal, writes no files and no core, and dies with
// the thread that waits for it.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::knowledge {

struct ChildBounds {
    std::chrono::seconds time{60};  // of the clock; as much of CPU
    Bytes memory = GiB(1);          // of its address space
    Bytes data = {};                // of it, what it may write to: heap and stacks; 0: all of it
    Bytes output = MiB(32);
    std::stop_token stop = {};  // ends it within a tenth of a second
};

// What it printed. `input` is its standard input, a file it may seek in. `command` begins with a name that is looked up
// on PATH; `what` names the work in errors. Errors: unavailable (there is no such program), timeout, too_large (its
// output), corrupt_file (it failed or was killed, with its last line), cancelled (`bounds.stop`), io.
[[nodiscard]] Result<std::string> run_bounded(const std::vector<std::string>& command, std::string_view input,
                                              const ChildBounds& bounds, std::string_view what);

}  // namespace sarai::knowledge
