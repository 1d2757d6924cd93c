// Cuts a document into passages of bounded size at the places where its structure has seams.
//
// What belongs together stays together where it fits: a definition, a paragraph, a list's item, a fenced block, a
// heading with what stands under it. A part that is too large is cut at blank lines, sentences, lines or words, in
// that order, and never inside a UTF-8 character. Takes time and memory that are linear in the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "knowledge/document.hpp"

namespace sarai::knowledge {

// Bytes. `most` counts the overlap, and is raised to 64 where it is less; `overlap` to at most half of it.
struct ChunkSizes {
    std::size_t most = 1200;    // some 300 tokens of prose: below the 512 of an embedding model's micro-batch
    std::size_t overlap = 150;  // of the passage before, where both are of the same section
};

// `text` is the document's text from `begin` to `end`: both ends lie between characters.
struct Chunk {
    std::string text;
    std::string heading = {};  // "Install › Linux"; empty where there is none above
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint32_t first = 1;  // line or page
    std::uint32_t last = 1;
    bool operator==(const Chunk&) const = default;
};

// In the order of the text; all of it but blank space is in some chunk.
[[nodiscard]] std::vector<Chunk> cut_into_chunks(const Document& document, const ChunkSizes& sizes = {});

// Two chunks of one that turned out to be too large, cut where its text has a seam near its middle; `marks` are its
// document's. nullopt: it is less than 128 bytes.
[[nodiscard]] std::optional<std::pair<Chunk, Chunk>> halve(const Chunk& chunk, std::span<const Mark> marks);

}  // namespace sarai::knowledge
