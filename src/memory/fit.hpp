// Chooses how models run so that they are as useful together as a budget allows: context lengths, KV types, prompt
// caches, slots, batches and quantisations. A plan of plans: what is chosen has been measured, exactly as it is.
//
// Utility counts in thousandths of a doubling of the context, times priority / 50, summed over models:
//
//   context       2000 · log2(tokens of a slot)        up to what is configured, since somebody wanted that much;
//                 500 for each doubling beyond it      a quarter of both for embedding models, whose inputs
//                                                      are paragraphs
//   KV cache      q8_0 −600, q4_0 −2800                half the bytes for a loss that is hard to find, to keep what is
//                                                      configured but hardly for more; a quarter for one that shows,
//                                                      which is worse than half of the context
//   quantisation  −3000 · log2(largest / this file)    of the files listed: bits per weight are what quality hangs on,
//                                                      dearer than a doubling of context for half of them
//   batch         −250 for each halving                prompts are read slower
//   compact       −400 (chat), −200 (embedding)        where the processor has AMX: prompts are read 1.3 to 3 times
//                                                      slower (engine/amx.hpp)
//   prompt cache  +100 · log4(bytes / 16 MiB)          a repeated prompt is quicker, by as much as fits in
//   slots         +300 · log2(slots / configured)      requests at once; they share two cores, not memory. Where more
//                 −400 instead                         than one slot costs AMX: it is lost as with compact, and who
//                                                      configured one slot asks for no more than one at once
//
// The load mode is copy, which is as fast as the engine's default and takes half of it (bench/memory), or compact where
// that differs. Nothing that makes a model slower or worse has a positive term, so it is only chosen where it buys
// something.
//
// Fitter is pure: it says what has to be measured and is told. Anchors of each file are measured first; other settings
// are estimated from them (KV bytes are linear in the padded context, compute buffers nearly so), the best combination
// by estimates is measured exactly, and so on until the best combination consists of measured settings alone. Sums over
// the budget are never chosen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "memory/choose.hpp"
#include "memory/plan.hpp"

namespace sarai::memory {

// A file that a model may run from.
struct FitFile {
    std::filesystem::path path;
    std::int64_t size = 0;  // bytes on the disk
};

struct FitModel {
    std::string name;
    int priority = 50;             // 0–100
    EngineShape shape;             // as configured
    int batch = 256;               // as configured; that of an embedding model grows with its context
    int floor = 512;               // tokens of a slot, at least
    std::vector<FitFile> files;    // the configured one, then the alternatives
    int trained_context = 0;       // tokens; a slot gets no more
    bool compact_differs = false;  // as configured it computes with AMX
    bool slots_cost_amx = false;   // with more slots it does not, whatever the load mode (engine/amx.hpp)
};

// One way to run a model.
struct Setting {
    EngineShape shape;
    std::int64_t utility = 0;
};

// All ways that are considered: contexts from the floor in doublings up to the trained one, and the configured one;
// f16, q8_0, q4_0; prompt caches of 0, 64 MiB, 256 MiB, 1 GiB and the configured one; slots as configured, twice and
// four times as many; batches as configured, 128 and 64; load modes. An embedding model has contexts, load modes and
// files alone.
[[nodiscard]] std::vector<Setting> settings_of(const FitModel& model);
[[nodiscard]] std::int64_t utility_of(const FitModel& model, const EngineShape& shape);

// "context 4096, KV q8_0, no prompt cache": what differs in `to`. Empty where nothing does.
[[nodiscard]] std::string difference(const EngineShape& from, const EngineShape& to);

struct Fitted {
    EngineShape shape;
    ModelPlan plan;     // measured, of exactly this shape
    EngineShape ideal;  // what would have been chosen without a budget
    // The cheapest setting of more utility, and what it would take on top, by estimate where it was not measured.
    std::optional<EngineShape> next = {};
    Bytes next_cost = {};
};

struct Fit {
    std::vector<Fitted> models;  // where it is possible: the choice; else the least that each can do with
    Bytes total;                 // of the models, predicted
    Bytes errors;                // their error bars; both together are within the budget
    bool possible = true;
};

class Fitter {
public:
    // `budget` is for the models alone.
    Fitter(std::vector<FitModel> models, Bytes budget);

    // What has to be measured now, each once; none: result() is there.
    [[nodiscard]] std::vector<EngineShape> wanted();
    // Errors drop settings (a context that the engine refuses, a file that is broken).
    void measured(const EngineShape& shape, Result<ModelPlan> plan);

    // Call it when nothing is wanted. Errors: the first one of a model of which nothing could be measured.
    [[nodiscard]] Result<Fit> result() const;

private:
    struct Candidate {
        Setting setting;
        std::optional<Bytes> cost = {};         // absent: unknown or impossible
        std::optional<std::size_t> exact = {};  // in known_; absent: `cost` is an estimate
    };
    struct Measurement {
        EngineShape shape;  // without its prompt cache, which comes on top as it is
        Result<ModelPlan> plan;
    };

    void estimate_all();
    [[nodiscard]] const Measurement* known(EngineShape shape) const;
    [[nodiscard]] std::optional<Choice> best() const;
    // The cheapest of each model, whatever its use.
    [[nodiscard]] std::vector<std::size_t> least() const;

    std::vector<FitModel> models_;
    Bytes budget_;
    std::vector<std::vector<Candidate>> candidates_;  // by model
    std::vector<Measurement> known_;
    bool estimated_ = false;
};

}  // namespace sarai::memory
