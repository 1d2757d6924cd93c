#include "cli/top_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sarai::cli {
namespace {

std::size_t width_of(const std::vector<std::string>& lines) {
    std::size_t width = 0;
    for (const auto& line : lines) width = std::max(width, display_width(line));
    return width;
}

}  // namespace

std::vector<std::string> fitting_table(const std::vector<TopColumn>& columns,
                                       const std::vector<std::vector<std::string>>& rows, std::size_t width) {
    auto kept = columns;
    auto cells = rows;
    while (true) {
        std::vector<Column> titles;
        for (const auto& column : kept) titles.push_back(column.column);
        auto lines = lines_of(render_table(titles, cells));
        const auto first = std::ranges::min_element(
            kept, {}, [](const TopColumn& column) { return column.goes == 0 ? INT32_MAX : column.goes; });
        if (first == kept.end() || first->goes == 0 || width_of(lines) <= width) return lines;
        const auto at = first - kept.begin();
        kept.erase(first);
        for (auto& row : cells)
            if (at < std::ssize(row)) row.erase(row.begin() + at);
    }
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    while (display_width(text) > width && width > 0) {
        auto line = first_columns(text, width);
        // A blank right behind the line ends it as well as one in it.
        const auto blank = text.substr(0, line.size() + 1).rfind(' ');
        if (blank != std::string_view::npos && blank > 0) line = text.substr(0, blank);
        lines.emplace_back(line);
        text.remove_prefix(line.size());
        if (text.starts_with(' ')) text.remove_prefix(1);
    }
    lines.emplace_back(text);
    return lines;
}

std::string short_size(std::int64_t bytes) {
    if (bytes <= 0) return "-";
    constexpr double mib = 1024.0 * 1024;
    const double size = static_cast<double>(bytes) / mib;
    if (size < 999.5) return fmt::format("{:.0f}M", std::max(1.0, size));
    const double gib = size / 1024;
    return gib < 9.995   ? fmt::format("{:.2f}G", gib)
           : gib < 99.95 ? fmt::format("{:.1f}G", gib)
                         : fmt::format("{:.0f}G", gib);
}

}  // namespace sarai::cli
