// The command line and environment of a worker, llama-server or sarai-whisper. Every flag that costs memory is ours to
// set: none is left to a default. Pure.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "engine/cores.hpp"
#include "memory/plan.hpp"

namespace sarai::engine {

struct WorkerSpec {
    std::string name;           // of the model; the worker's alias
    memory::EngineShape shape;  // what was planned is what runs
    int threads = 0;            // 0: the engine's choice
    std::vector<std::string> extra_args = {};
};

// What a configured model asks of the engine.
[[nodiscard]] memory::EngineShape shape_of(const config::LocalModel& local, config::ModelKind kind);
[[nodiscard]] WorkerSpec worker_spec(const config::Model& model);  // model.local must be set

[[nodiscard]] std::vector<std::string> worker_arguments(const WorkerSpec& spec, const std::filesystem::path& socket);
// `cores`: that there are to compute with. A worker that has a thread for each of them keeps each thread on its own.
[[nodiscard]] std::map<std::string, std::string> worker_environment(int threads, const std::vector<Core>& cores);

}  // namespace sarai::engine
