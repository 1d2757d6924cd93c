// What a model will take, line by line, before a byte of it is loaded.
//
// A plan is made by a short-lived measuring child (`sarai-measure`), which asks the engine's own allocator: it loads
// the GGUF without its weights (`no_alloc`) and reports the buffers. Here is what goes in, what comes out, and the
// command. Pure: running the child is the engine module's work.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::memory {

// Everything that decides a worker's memory. The same values make the worker's command line (engine/worker_args.hpp),
// so that what was planned is what runs.
struct EngineShape {
    std::filesystem::path model;
    std::optional<std::filesystem::path> mmproj;
    int context_length = 2048;  // tokens, as configured; the engine pads it up to a multiple of 256
    int parallel = 1;           // slots
    int batch = 256;            // logical batch, tokens
    int micro_batch = 256;      // physical batch, tokens
    int image_tokens = 512;     // the most that one image becomes (only with an mmproj)
    bool embedding = false;
    Bytes prompt_cache = {};  // upper bound of the engine's prompt cache
};

// One line of a plan. `what` is one of: weights, kv_cache, recurrent_state, compute, output, mmproj, prompt_cache,
// overhead. Names stay: scripts read them.
struct PlanLine {
    std::string what;
    Bytes bytes;
};

struct ModelPlan {
    std::vector<PlanLine> lines;
    std::string architecture = {};  // general.architecture of the GGUF
    int trained_context = 0;        // tokens
    std::string engine = {};        // build of the engine that was asked

    [[nodiscard]] Bytes total() const;
};

// Arguments for `sarai-measure` (without the program's own name).
[[nodiscard]] std::vector<std::string> measure_arguments(const EngineShape& shape);

// Reads what the child printed. Errors: the child's own, with their kind (not_found, corrupt_file, unsupported,
// invalid_argument); corrupt_file with `last_words` where it died of the file.
[[nodiscard]] Result<ModelPlan> parse_measurement(const EngineShape& shape, int exit_status, std::string_view printed,
                                                  std::string_view last_words);

}  // namespace sarai::memory
