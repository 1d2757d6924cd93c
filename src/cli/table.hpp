// Text tables and bars for people. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::cli {

enum class Align : std::uint8_t { left, right };

struct Column {
    std::string title;
    Align align = Align::left;
};

// Columns as wide as their widest cell, two spaces apart, no blanks at line ends. A row may have fewer cells.
[[nodiscard]] std::string render_table(const std::vector<Column>& columns,
                                       const std::vector<std::vector<std::string>>& rows);

// `width` cells for `whole`: those of `filled`, then up to `promised`, then free ones. What is more than nothing gets a
// cell, and what is less than the whole leaves one. More than the whole fills it.
struct Bar {
    std::int64_t filled = 0;
    std::int64_t promised = 0;  // at least `filled` to be seen
    std::int64_t whole = 0;
};
[[nodiscard]] std::string render_bar(const Bar& bar, int width, bool unicode);

// A whole made of shares, side by side: each as many cells as it is promised, takes or has taken, whichever is most,
// those that it takes filled. Shares are told apart by their letter: "aaa++bb+.....". What goes beyond the whole is cut
// off.
struct Share {
    std::int64_t filled = 0;
    std::int64_t promised = 0;
    std::int64_t peak = 0;  // once filled; 0: not told apart
};
struct Cell {
    enum class Kind : std::uint8_t { filled, peak, promised, free } kind = Kind::free;
    std::size_t share = 0;
};
[[nodiscard]] std::vector<Cell> share_cells(const std::vector<Share>& shares, std::int64_t whole, int width);

// Columns on a terminal, one for each code point: names here are ASCII, values digits and units.
[[nodiscard]] std::size_t display_width(std::string_view text);

// The first `columns` columns of a text.
[[nodiscard]] std::string_view first_columns(std::string_view text, std::size_t columns);

// At most `columns` columns: what is too long loses its middle, as both ends of a name tell models apart.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns, bool unicode);

// Without their ends.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

}  // namespace sarai::cli
