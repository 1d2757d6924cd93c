// What a refused load is told: what was asked, what is free, who holds what, and the changes that would make it fit.
// Pure; every change that is named was checked by the same arithmetic that refused.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "pool/ladder.hpp"

namespace sarai::pool {

struct Holder {
    std::string name;
    Bytes bytes;
    std::string state;           // "ready, idle", "ready, 2 requests", "loading", "about to load"; "" for sarai itself
    bool can_be_stopped = true;  // by hand: ready, idle and not pinned
    std::chrono::milliseconds reload{};
};

struct Shortage {
    std::string what = {};  // that needs memory; empty: the model
    std::string model = {};
    Needs needs;
    Bytes free;     // may be negative
    Bytes budget;   // of all
    Bytes machine;  // the largest budget that this machine allows; 0: unknown
    std::vector<Holder> holders;
    int min_context_length = 0;      // tokens; a configuration takes no shorter context beside it
    bool policy_would_help = false;  // memory.policy: lru would find enough to unload
};

// "memory.max_ram to 12288MiB": configurations are written in whole MiB.
[[nodiscard]] std::string max_ram_of(Bytes budget);
// A hint that names changes each of which suffices; or that there is none.
[[nodiscard]] std::string advice(const std::vector<std::string>& changes);

// Code::no_memory.
[[nodiscard]] Error explain(const Shortage& shortage);

}  // namespace sarai::pool
