// Which program left what lies at a path. Reads names and, of a YAML file, its keys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/error.hpp"

namespace sarai::imports {

enum class SourceKind : std::uint8_t { ollama, llama_swap, gguf };
[[nodiscard]] std::string_view name_of(SourceKind kind);  // "ollama", "llama-swap", "gguf"
[[nodiscard]] std::optional<SourceKind> source_named(std::string_view name);

struct Source {
    SourceKind kind;
    std::filesystem::path place;  // absolute: the folder with `manifests`, the YAML file, the folder of GGUF files
    bool operator==(const Source&) const = default;
};

// Error: invalid_argument, which says what was looked for. `only`: it has to be this one.
[[nodiscard]] Result<Source> recognise(const std::filesystem::path& path, std::optional<SourceKind> only = {});

}  // namespace sarai::imports
