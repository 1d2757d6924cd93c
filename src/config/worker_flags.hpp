// Flags of llama-server that only sarai may set: they decide what a worker takes, where it listens or who computes
// beside it. Set behind the plan's back they would break the budget, or let workers run against each other. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace sarai::config {

struct OwnFlag {
    std::string_view key;  // of a model, that sets it; empty: there is none
    std::string_view why;  // there is none
    bool operator==(const OwnFlag&) const = default;
};

// Nothing for flags that a worker may get. `argument` may be "--flag=value".
[[nodiscard]] std::optional<OwnFlag> own_flag(std::string_view argument);

}  // namespace sarai::config
