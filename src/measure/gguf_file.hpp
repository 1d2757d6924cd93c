// What a GGUF file says of itself, checked before the engine sees it: a value, the file is closed again.
//
// The engine's `no_alloc` load never reads tensor data, so a truncated file would pass; here every tensor must lie
// within the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "gguf.h"

namespace sarai::measure {

using GgufHandle = std::unique_ptr<gguf_context, decltype(&gguf_free)>;

// The header of a file all of whose tensors lie within it. Errors: not_found, io, invalid_argument (a folder),
// corrupt_file (empty, not GGUF, damaged header, truncated).
[[nodiscard]] Result<GgufHandle> open_gguf(const std::filesystem::path& path);

// Empty where the key is not there or its value is no text.
[[nodiscard]] std::string text_at(const gguf_context* gguf, const char* key);

struct GgufFacts {
    std::filesystem::path path;
    std::string architecture;
    Bytes tensor_bytes;           // of all tensors
    bool has_classifier = false;  // which makes scores, as rerankers have it
    bool pools = false;           // it says how vectors of tokens become one, as embedders do
    // Of a multimodal projector (architecture "clip"):
    std::string projector_type;
    std::optional<std::uint32_t> projection_width;  // values per token, as declared
    std::vector<std::int64_t> projector_sides;      // both sides of all projection matrices ("mm.…")

    bool windowed = false;  // vision with windowed attention

    [[nodiscard]] bool is_projector() const { return architecture == "clip"; }

    // Whether a projector's output has the width `embedding` of a text model.
    [[nodiscard]] bool projects_to(std::int64_t embedding) const;
};

// Errors: as of open_gguf(); corrupt_file where it names no architecture.
[[nodiscard]] Result<GgufFacts> read_gguf(const std::filesystem::path& path);

}  // namespace sarai::measure
