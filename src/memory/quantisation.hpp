// The names of a GGUF's quantisations, by its key general.file_type (llama.h: llama_ftype). Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace sarai::memory {

// "Q4_K_M"; "unknown" for what no engine writes.
[[nodiscard]] std::string_view quantisation_name(std::int64_t file_type);

}  // namespace sarai::memory
