#include "engine/worker_args.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace sarai::engine {
namespace {

constexpr int slot_granularity = 256;  // tokens; the engine pads each slot's context up to a multiple of it

}  // namespace

memory::EngineShape shape_of(const config::LocalModel& local, config::ModelKind kind) {
    if (local.whisper) return {.model = local.path, .mmproj = {}, .whisper = true};
    memory::EngineShape shape{.model = local.path,
                              .mmproj = local.mmproj,
                              .context_length = local.context_length,
                              .parallel = local.parallel,
                              .batch = local.batch,
                              .micro_batch = local.batch,
                              .embedding = kind != config::ModelKind::chat,
                              .rerank = kind == config::ModelKind::rerank,
                              .prompt_cache = local.prompt_cache,
                              .kv_cache_type = local.kv_cache_type,
                              .load_mode = memory::load_mode_named(local.load_mode).value_or(memory::LoadMode::copy),
                              .nodes = local.nodes,
                              .split = local.split};
    if (shape.embedding) {
        // Non-causal attention: an input must fit into one physical batch, else the engine refuses it.
        shape.batch = shape.micro_batch = std::max(local.batch, local.context_length / std::max(1, local.parallel));
    }
    // A picture beyond its slot would be refused; so it is scaled down to leave a quarter of the slot to text. The
    // encoder's memory, which grows with the square, is then not planned for pictures that cannot be.
    if (shape.mmproj) {
        const int slot = std::max(slot_granularity, local.context_length / std::max(1, local.parallel));
        shape.image_tokens = std::min(shape.image_tokens, slot / 4 * 3);
    }
    return shape;
}

WorkerSpec worker_spec(const config::Model& model) {
    return {.name = model.name,
            .shape = shape_of(*model.local, model.kind),
            .threads = model.local->threads,
            .extra_args = model.local->extra_args};
}

std::vector<std::string> worker_arguments(const WorkerSpec& spec, const std::filesystem::path& socket) {
    const auto& shape = spec.shape;
    if (shape.whisper)
        return {"--model",       shape.model.string(), "--socket",
                socket.string(), "--threads",          std::to_string(spec.threads)};
    std::vector<std::string> args{
        "--model", shape.model.string(), "--alias", spec.name, "--host", socket.string(), "--ctx-size",
        std::to_string(shape.context_length), "--parallel", std::to_string(shape.parallel),
        // A SIGTERM or a client's disconnect waits for the logical batch: 12 s with the default 2048 on a large model.
        "--batch-size", std::to_string(shape.batch), "--ubatch-size", std::to_string(shape.micro_batch),
        // Defaults to 8192 MiB per worker.
        "--cache-ram", std::to_string((shape.prompt_cache.count + (1 << 20) - 1) >> 20),
        // The plan counts them for models with recurrent state; the engine's default is 32 per slot.
        "--ctx-checkpoints", std::to_string(shape.checkpoints), "--cache-type-k", shape.kv_cache_type, "--cache-type-v",
        shape.kv_cache_type,
        // What there is to fit has been planned. On by default, it would load the vocabulary and plan everything once
        // more in the worker, and leaves 6 MiB more of heap (measured with LFM2-1.2B).
        "--fit", "off",
        // A client's disconnect is noticed with the next ping; the default is 30 s.
        "--sse-ping-interval", "1",
        // Warnings and errors. At "info" each request writes three lines, and each wakes us while its prompt is read.
        "--log-verbosity", "2", "--jinja", "--no-webui", "--offline", "--no-slots"};
    switch (shape.load_mode) {
        // Read and repacked once. With mmap as well, the mapped file stays resident beside the repacked copy.
        case memory::LoadMode::copy:
        case memory::LoadMode::compact: args.insert(args.end(), {"--load-mode", "none"}); break;
        case memory::LoadMode::mmap: args.insert(args.end(), {"--load-mode", "mmap", "--no-repack"}); break;
        case memory::LoadMode::engine_default: args.insert(args.end(), {"--load-mode", "mmap"}); break;
    }
    // The engine refuses a quantised V cache without it.
    if (memory::is_quantised(shape.kv_cache_type)) args.insert(args.end(), {"--flash-attn", "on"});
    if (shape.embedding) args.emplace_back(shape.rerank ? "--rerank" : "--embedding");
    // Without a limit one large picture takes a gigabyte: the window mask grows with the square of its tokens.
    if (shape.mmproj)
        args.insert(args.end(),
                    {"--mmproj", shape.mmproj->string(), "--image-max-tokens", std::to_string(shape.image_tokens)});
    else
        args.emplace_back("--no-mmproj");
    if (!shape.nodes.empty()) {
        std::string nodes;
        for (const auto& node : shape.nodes) nodes += (nodes.empty() ? "" : ",") + node;
        args.insert(args.end(),
                    {"--rpc", nodes, "--tensor-split", memory::text_of_split(shape), "--n-gpu-layers", "all"});
    }
    if (spec.threads > 0) args.insert(args.end(), {"--threads", std::to_string(spec.threads)});
    args.insert(args.end(), spec.extra_args.begin(), spec.extra_args.end());
    return args;
}

std::map<std::string, std::string> worker_environment(int threads, const std::vector<Core>& cores) {
    // Left to the kernel, a thread that sleeps at a barrier is woken on the core of who wakes it, and may stay there
    // with the other core idle; one that spins does so for a fellow that waits for the same core. With a core of its
    // own it is worth while to spin some 0.6 ms for the others before it sleeps, whoever else has that core; without,
    // some 10 µs. (The engine's default, 300,000, is milliseconds.) docs/architecture.md has the figures. Workers of
    // ours take turns: pool/turns.hpp. One with fewer threads than there are cores goes where there is room.
    const bool has_all = threads > 1 && std::cmp_equal(threads, cores.size());
    // And what a request brings that is as large as a picture goes back to the system when it is freed, rather than
    // staying with the worker's heap beyond its plan (glibc raises this threshold by itself, up to 32 MiB).
    std::map<std::string, std::string> environment{{"OMP_WAIT_POLICY", "passive"},
                                                   {"GOMP_SPINCOUNT", has_all ? "30000" : "500"},
                                                   {"OMP_PROC_BIND", has_all ? "true" : "false"},
                                                   {"MALLOC_MMAP_THRESHOLD_", "1048576"}};
    if (has_all) {
        auto& places = environment["OMP_PLACES"];
        for (const auto& core : cores)
            places += fmt::format("{}{{{}}}", places.empty() ? "" : ",", fmt::join(core, ","));
    }
    return environment;
}

}  // namespace sarai::engine
