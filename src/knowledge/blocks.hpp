// The parts of a text that its own marks set apart: headings, paragraphs, list items, fenced blocks, definitions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "knowledge/document.hpp"

namespace sarai::knowledge {

enum class BlockKind : std::uint8_t {
    prose,    // sentences
    lines,    // each line stands for itself: code, a fenced block
    heading,  // `level` 1…6
};

// Whole lines, the blank ones behind it not included.
struct Block {
    BlockKind kind = BlockKind::prose;
    int level = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool operator==(const Block&) const = default;
};

// In order, without overlap; between them are blank lines only.
[[nodiscard]] std::vector<Block> blocks_of(std::string_view text, Format format);

// A heading's words, without the signs that make it one.
[[nodiscard]] std::string_view title_of(std::string_view heading);

}  // namespace sarai::knowledge
