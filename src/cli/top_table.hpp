// Tables that give up columns where a terminal is narrow, and text that is broken there. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/table.hpp"

namespace sarai::cli {

struct TopColumn {
    Column column;
    int goes = 0;  // those with the lowest number are left out first, as long as the table is too wide; 0: never
};

// The title and a line for each row. What is still too wide is the caller's to cut.
[[nodiscard]] std::vector<std::string> fitting_table(const std::vector<TopColumn>& columns,
                                                     const std::vector<std::vector<std::string>>& rows,
                                                     std::size_t width);

// Lines of at most `width` columns, broken between words where there are such places.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// "766M", "3.20G", "12.1G": binary units as to_string() has them, in five columns. "-" for nothing.
[[nodiscard]] std::string short_size(std::int64_t bytes);

}  // namespace sarai::cli
