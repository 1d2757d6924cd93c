// What a model will take, line by line, before a byte of it is loaded.
//
// A plan is made by a short-lived measuring child (`sarai-measure`), which asks the engine's own allocator: it loads
// the GGUF without its weights (`no_alloc`) and reports the buffers. Here is what goes in, what comes out, and the
// command. Pure: running the child is the engine module's work. Of a model that hears the child is `sarai-whisper
// --plan`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "memory/learned.hpp"
#include "memory/nodes.hpp"

namespace sarai::memory {

// How weights come into memory. "copy" (the engine's load mode none): read and repacked once, anonymous memory.
// "compact": the same without the layout of Intel's AMX, which takes more (engine/amx.hpp); elsewhere it is "copy".
// "mmap": the file is mapped and not repacked; its pages are resident but reclaimable. "engine_default": mapped and
// repacked, so that both are resident (bench/memory: SOLAR-10.7B takes 11.2 GiB instead of 6.5).
enum class LoadMode : std::uint8_t { copy, compact, mmap, engine_default };
[[nodiscard]] std::string_view name_of(LoadMode mode);
[[nodiscard]] std::optional<LoadMode> load_mode_named(std::string_view name);

// "q8_0" and the like, but not "f16".
[[nodiscard]] bool is_quantised(std::string_view kv_cache_type);

// Everything that decides a worker's memory. The same values make the worker's command line (engine/worker_args.hpp),
// so that what was planned is what runs.
struct EngineShape {
    std::filesystem::path model;
    std::optional<std::filesystem::path> mmproj;
    int context_length = 2048;          // tokens, as configured; the engine pads it up to a multiple of 256
    int parallel = 1;                   // slots
    int batch = 256;                    // logical batch, tokens
    int micro_batch = 256;              // physical batch, tokens
    int image_tokens = 512;             // the most that one image becomes (only with an mmproj)
    bool embedding = false;             // it computes vectors instead of text
    bool whisper = false;               // it hears: a file of whisper.cpp, of which nothing here but `model` holds
    bool rerank = false;                // an embedder whose classifier makes a score of a vector
    Bytes prompt_cache = {};            // upper bound of the engine's prompt cache
    std::string kv_cache_type = "f16";  // as the engine spells it; quantised ones switch flash attention on
    LoadMode load_mode = LoadMode::copy;
    int checkpoints = 8;  // context checkpoints per slot, for models with recurrent state or sliding windows
    // The ggml-rpc-servers (host:port) that hold the layers, and the share of each; empty: all is here.
    std::vector<std::string> nodes = {};
    std::vector<int> split = {};

    bool operator==(const EngineShape&) const = default;
};

// One line of a plan. Names stay: scripts read them. `what` is one of
//   weights          read or repacked into anonymous memory
//   weights_mapped   the file's pages (load modes mmap and engine_default): resident, but the kernel can drop them
//   kv_cache         of all slots, by context length and type
//   recurrent_state  of models that are not only attention
//   checkpoints      earlier recurrent states (or sliding windows) that the worker keeps to go back in a prompt
//   compute          scratch buffers of the graphs
//   output           logits or embeddings of the last step
//   mmproj           weights of the multimodal projector
//   mmproj_compute   its scratch buffers, for the largest image allowed
//   prompt_cache     its upper bound
//   sound            of a model that hears: the longest piece of a recording, and its spectrum
//   overhead         program, libraries, vocabulary, working buffers
struct PlanLine {
    std::string what;
    Bytes bytes;
};

struct ModelPlan {
    std::vector<PlanLine> lines;    // of the worker's own process
    std::string architecture = {};  // general.architecture of the GGUF
    int trained_context = 0;        // tokens
    std::string engine = {};        // build of the engine that was asked
    bool kv_quantisable = true;     // whether the KV cache may be of a quantised type
    std::string key = {};           // names this file, shape and engine build in the history; empty: not to be kept
    bool cached = false;            // from the history: the engine was not asked
    std::optional<Learned> learned = {};  // from earlier loads by the same key
    std::vector<NodePlan> nodes = {};     // what ggml-rpc-servers hold beside it, in their order

    // The prediction.
    [[nodiscard]] Bytes total() const;
    // Half the width of the error bar around it, the larger of
    //  - 1 % of the total, the bound that bench/memory holds over architectures, contexts and slots. Each load that was
    //    asked something and stayed below is evidence that this plan is not one of the short ones: 1/2, 1/3 … of it,
    //    down to a quarter. (A load that was never asked has not touched its compute buffers; it is no evidence.)
    //  - what the highest peak observed here exceeded the total by.
    // Peaks far below the plan do not count against it: they are of contexts that were never filled.
    [[nodiscard]] Bytes error() const;
    // The upper end, total + error, which admission reserves: never below the plan, never below what was observed.
    [[nodiscard]] Bytes pessimistic() const;
};

// Half the width of the error bar of a plan by which nothing was loaded yet.
[[nodiscard]] Bytes error_of_unloaded(Bytes total);

// An embedder's micro-batch holds its longest input, and the engine takes none that is longer than what the model was
// trained with, whatever the context: larger buffers would only be reserved. The measuring child plans for this shape.
[[nodiscard]] EngineShape within_trained_context(EngineShape shape, int trained_context);

// "3,1": the nodes' shares, as the engine takes them; equal ones where none are given.
[[nodiscard]] std::string text_of_split(const EngineShape& shape);

// The program that plans for a shape, and its arguments (without its own name).
[[nodiscard]] std::string_view measuring_program(const EngineShape& shape);
[[nodiscard]] std::vector<std::string> measure_arguments(const EngineShape& shape);

// Reads what the child printed. Errors: the child's own, with their kind (not_found, corrupt_file, unsupported,
// invalid_argument); corrupt_file with `last_words` where it died of the file.
[[nodiscard]] Result<ModelPlan> parse_measurement(const EngineShape& shape, int exit_status, std::string_view printed,
                                                  std::string_view last_words);

// The engine's libraries that the child had loaded, its CPU backend included; empty where it printed something else.
[[nodiscard]] std::vector<std::filesystem::path> engine_libraries(std::string_view printed);

}  // namespace sarai::memory
