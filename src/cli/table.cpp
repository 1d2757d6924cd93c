#include "cli/table.hpp"

#include <algorithm>
#include <cmath>

namespace sarai::cli {
namespace {

int cells_of(std::int64_t part, std::int64_t whole, int width) {
    if (part <= 0 || whole <= 0) return 0;
    if (part >= whole) return width;
    const double exact = static_cast<double>(part) / static_cast<double>(whole) * width;
    return std::clamp(static_cast<int>(std::lround(exact)), 1, std::max(1, width - 1));
}

}  // namespace

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](unsigned char c) { return (c & 0xc0U) != 0x80; }));
}

std::string_view first_columns(std::string_view text, std::size_t columns) {
    std::size_t at = 0;
    while (at < text.size()) {
        const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80;
        if (begins && columns-- == 0) break;
        ++at;
    }
    return text.substr(0, at);
}

std::string shortened(std::string_view text, std::size_t columns, bool unicode) {
    const auto width = display_width(text);
    if (width <= columns) return std::string(text);
    const std::string_view gap = unicode ? "…" : "...";
    if (columns <= display_width(gap)) return std::string(first_columns(text, columns));
    const auto left = columns - display_width(gap);
    const auto tail = left / 2;
    return std::string(first_columns(text, left - tail)) + std::string(gap) +
           std::string(text.substr(first_columns(text, width - tail).size()));
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::string render_table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        widths.push_back(display_width(columns[i].title));
        for (const auto& row : rows) {
            if (i < row.size()) widths[i] = std::max(widths[i], display_width(row[i]));
        }
    }
    std::string text;
    const auto line = [&](const auto& cell_of, std::size_t count) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string& cell = cell_of(i);
            const std::string padding(widths[i] - display_width(cell), ' ');
            if (i > 0) out += "  ";
            out += columns[i].align == Align::right ? padding + cell : cell + padding;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        text += out + "\n";
    };
    line([&](std::size_t i) -> const std::string& { return columns[i].title; }, columns.size());
    for (const auto& row : rows) {
        line([&](std::size_t i) -> const std::string& { return row[i]; }, std::min(row.size(), columns.size()));
    }
    return text;
}

std::string render_bar(const Bar& bar, int width, bool unicode) {
    const int filled = cells_of(bar.filled, bar.whole, width);
    const int promised = std::max(filled, cells_of(bar.promised, bar.whole, width));
    std::string text;
    for (int i = 0; i < width; ++i) {
        if (i < filled) {
            text += unicode ? "█" : "#";
        } else if (i < promised) {
            text += unicode ? "▒" : "+";
        } else {
            text += unicode ? "░" : ".";
        }
    }
    return text;
}

// Borders are rounded from the sums, so that rounding errors do not add up; every share that takes something shows.
std::vector<Cell> share_cells(const std::vector<Share>& shares, std::int64_t whole, int width) {
    std::vector<Cell> cells(static_cast<std::size_t>(std::max(width, 0)));
    if (whole <= 0) return cells;
    const auto column = [&](std::int64_t bytes) {
        const double exact = static_cast<double>(bytes) / static_cast<double>(whole) * width;
        return static_cast<std::size_t>(std::clamp<long>(std::lround(exact), 0, width));
    };
    std::int64_t before = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        const auto filled = std::max<std::int64_t>(shares[i].filled, 0);
        const auto peak = std::max(filled, shares[i].peak);
        const auto taken = std::max(peak, shares[i].promised);
        if (taken <= 0) continue;
        const auto end = std::clamp(column(before + taken), std::min(at + 1, cells.size()), cells.size());
        const auto filled_end = std::clamp(column(before + filled), filled > 0 ? std::min(at + 1, end) : at, end);
        const auto peak_end = std::clamp(column(before + peak), filled_end, end);
        for (; at < end; ++at)
            cells[at] = {.kind = at < filled_end ? Cell::Kind::filled
                                 : at < peak_end ? Cell::Kind::peak
                                                 : Cell::Kind::promised,
                         .share = i};
        before += taken;
    }
    return cells;
}

}  // namespace sarai::cli
