// What a model can give up to fit into memory, from the cheapest step to the dearest. Pure.
//
// A step's bytes are an upper bound by formula, good enough to choose by: the KV cache is linear in the padded context
// and in its type's bytes per value (ggml's block sizes: q8_0 34 bytes for 32 values, q4_0 18), and the compute buffers
// do not grow when the context shrinks. On top comes the error of a plan that was never loaded: what loads have taught
// of the configured setting does not hold for another one. The step that is chosen is measured before anything is
// reserved for it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace sarai::pool {

// Against the configuration. Nothing set: as configured.
struct Reduction {
    bool without_prompt_cache = false;
    std::string kv_cache_type = {};  // empty: as configured
    int context_length = 0;          // tokens; 0: as configured
    bool text_only = false;          // without its projector, which comes when media does: no loss, so not told as one

    [[nodiscard]] bool any() const { return *this != Reduction{.text_only = text_only}; }
    bool operator==(const Reduction&) const = default;
};
// "without its prompt cache, KV cache q8_0, context 1024"; "" for none.
[[nodiscard]] std::string describe(const Reduction& reduction);

// A measured plan, as far as decisions need it.
struct Needs {
    Bytes total;         // what is reserved: the pessimistic end of the plan
    Bytes planned = {};  // the plan without its error; 0: unknown, then the total has that of one never loaded
    Bytes kv_cache = {};
    Bytes prompt_cache = {};
    int context_length = 0;  // tokens of all slots; 0: unknown, then the context cannot shrink
    int parallel = 1;        // slots
    std::string kv_cache_type = "f16";
    bool kv_quantisable = true;
    std::chrono::milliseconds load_time{};  // of earlier loads; 0: never loaded
};

// What the configuration allows a model to give up by itself. The prompt cache always may go: only speed depends on it.
struct MayGiveUp {
    std::optional<std::string> kv_cache_type;
    int min_context_length = 0;  // tokens; 0: none of it
};

struct Step {
    Reduction reduction;
    Bytes total;
};

// Cumulative steps, each smaller than the one before; empty where nothing more may be given up. `needs` are those of a
// model that has given up `given` already, which is part of each step.
[[nodiscard]] std::vector<Step> steps_down(const Needs& needs, const MayGiveUp& allowed, Reduction given = {});

// Bytes that one value of a KV cache of this type takes; 2 for unknown types.
[[nodiscard]] double bytes_per_value(std::string_view kv_cache_type);
// Bounds of what the model takes with another KV type, or with a context of `tokens`.
[[nodiscard]] Bytes with_kv_cache_type(const Needs& needs, std::string_view type);
[[nodiscard]] Bytes with_context(const Needs& needs, int tokens);
// The longest context, a multiple of 256 for each slot (the engine pads to that), of at least `least` tokens with which
// the model takes at most `limit`; 0 for none.
[[nodiscard]] int longest_context(const Needs& needs, Bytes limit, int least = 0);

// Time until a model is ready: what earlier loads took, else by its size.
[[nodiscard]] std::chrono::milliseconds expected_load(const Needs& needs);

}  // namespace sarai::pool
