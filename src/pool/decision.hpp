// Why the pool did what it did: kept for `GET /sarai/why` and `sarai why`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace sarai::pool {

// A way that was weighed.
struct Option {
    std::string what;  // "as configured", "KV cache q8_0", "unload omni"
    Bytes needs;       // of the model, this way
    // Until the first token of the request that asks, and of the next requests for what it displaces, together.
    std::chrono::milliseconds cost{};
    bool possible = true;
    std::string note = {};  // why not, or what it means
    bool operator==(const Option&) const = default;
};

enum class Event : std::uint8_t {
    load,        // memory was reserved for the model
    wait,        // it will get memory that others give back
    refuse,      // it does not fit, or its load failed
    evict,       // its worker is unloaded for another model
    expire,      // its worker was idle for its ttl
    fallback,    // a request is answered by a later backend of the chain
    quarantine,  // its loads failed too often: not tried again before something changes
    restore,     // its server is back: what its fallback had displaced is loaded again
};
[[nodiscard]] std::string_view name_of(Event event);

struct Decision {
    std::chrono::steady_clock::time_point at{};
    int times = 1;          // how often in a row; `at` is the last time
    std::size_t model = 0;  // ModelIndex
    Event event = Event::load;
    std::string outcome;  // one line for people
    Bytes asked = {};
    Bytes free = {};  // of the budget, at that moment, memory that was coming back included
    std::vector<Option> options = {};
};

}  // namespace sarai::pool
