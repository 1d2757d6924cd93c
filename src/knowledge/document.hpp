// What is left of a file when its format is taken away: plain text, with the line or page that each part of it stood
// on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::knowledge {

enum class Format : std::uint8_t { text, markdown, html, source, pdf };
[[nodiscard]] std::string_view name_of(Format format);

// From `offset` on, up to the next mark, the text stood on line (PDF: page) `number`, counted from 1.
struct Mark {
    std::uint32_t offset = 0;
    std::uint32_t number = 1;
    bool operator==(const Mark&) const = default;
};

// The line or page of a byte; 1 before the first mark.
[[nodiscard]] std::uint32_t number_at(std::span<const Mark> marks, std::size_t offset);

// `text` is UTF-8 whose lines end with \n, of less than 4 GiB; `marks` ascend. An HTML file's text is Markdown, so that
// headings, lists and preformatted parts are told apart by what follows; its marks name the lines of the file itself.
struct Document {
    Format format = Format::text;
    std::string text;
    std::vector<Mark> marks;
    std::string title = {};  // that the file gives itself; may be empty

    [[nodiscard]] bool paged() const { return format == Format::pdf; }
    [[nodiscard]] std::uint32_t number_at(std::size_t offset) const { return knowledge::number_at(marks, offset); }
};

// One mark a line.
[[nodiscard]] std::vector<Mark> mark_lines(std::string_view text);

}  // namespace sarai::knowledge
