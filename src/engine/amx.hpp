// Whether a worker, and the child that plans for it, may compute with AMX, the matrix unit of newer Intel processors.
//
// With it the engine reads prompts 1.3 to 3 times as fast, but copies weights into a layout that takes more memory
// (EmbeddingGemma-300M 634 MiB instead of 391, LFM2-1.2B 907 instead of 784), and generates no faster. So it is what
// `load_mode: copy` has and `compact` has not. llama-server 0.7.0 reads beyond the weights and crashes where AMX meets
// the state of a recurrent model with several slots. whisper.cpp 1.9.5 computed NaN with it of a model 32 wide in q8_0,
// whose cache then stayed NaN: no text of any later recording. Such workers never get it, though a model 512 wide was
// 1.6 times as fast with it and saw no NaN; files in f16, the usual ones, gain nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "engine/process.hpp"
#include "memory/plan.hpp"

namespace sarai::engine {

// general.architecture of a GGUF file; nullopt where it is none, or cannot be read.
[[nodiscard]] std::optional<std::string> architecture_of(const std::filesystem::path& file);

// Pure.
[[nodiscard]] bool may_use_amx(const memory::EngineShape& shape, std::string_view architecture);
// It may with as many slots as it has, and not with more.
[[nodiscard]] bool slots_cost_amx(memory::EngineShape shape, std::string_view architecture);

[[nodiscard]] bool processor_has_amx();

// What both are started in. Reads the file's first bytes, and only where the processor has AMX.
[[nodiscard]] Cage cage_of(const memory::EngineShape& shape);

}  // namespace sarai::engine
