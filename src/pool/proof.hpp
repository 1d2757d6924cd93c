// What models that are to be available at the same time take of the budget at most, before any of them is loaded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "pool/ladder.hpp"

namespace sarai::pool {

struct Proof {
    struct Part {
        std::string model;
        Bytes bytes;  // reserved, or what a load will reserve
        bool loaded = false;
        bool generative = false;  // takes one of the places
        // What could be changed, for advice. Of those that stay:
        bool can_be_stopped = false;  // by hand: ready, idle and not pinned
        bool goes_with_lru = false;   // would not stay with memory.policy: lru
        // Of a part that is not loaded yet:
        std::optional<Needs> needs = {};
        int min_context_length = 0;  // tokens; a configuration takes no shorter context beside it
    };
    std::vector<Part> parts;    // local workers of the models; those that a server answers for need none
    std::vector<Part> staying;  // of others, which nobody may displace for them; sarai itself among them
    Bytes displaceable;         // of others that go if they have to
    Bytes brought = {};         // what the request itself takes of sarai's memory, beyond what is always its own
    Bytes converting = {};      // what conversions of its media took before the models' work began
    Bytes budget;
    Bytes machine;          // the largest budget that this machine allows; 0: unknown
    int places = 0;         // of memory.max_concurrent_llms
    int places_needed = 0;  // by the parts and those that stay

    [[nodiscard]] Bytes needed() const;
    [[nodiscard]] Bytes held() const;  // by those that stay, and by the request
    // Of all workers, sarai itself and its other children until the answer has ended: never more than the budget where
    // it fits.
    [[nodiscard]] Bytes peak() const;
    [[nodiscard]] bool fits() const { return needed() + held() <= budget && places_needed <= places; }
};

// Of a proof that does not fit; `who`: what the models are for ("pipeline 'vision-expert'"). Code::no_memory or busy.
// Every change that is named makes it fit, by the arithmetic of fits().
[[nodiscard]] Error explain(const Proof& proof, const std::string& who);

}  // namespace sarai::pool
