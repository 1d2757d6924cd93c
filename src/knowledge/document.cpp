#include "knowledge/document.hpp"

#include <algorithm>

namespace sarai::knowledge {

std::string_view name_of(Format format) {
    switch (format) {
        case Format::text: return "text";
        case Format::markdown: return "markdown";
        case Format::html: return "html";
        case Format::source: return "source";
        case Format::pdf: return "pdf";
    }
    return "text";
}

std::uint32_t number_at(std::span<const Mark> marks, std::size_t offset) {
    const auto after =
        std::ranges::upper_bound(marks, offset, {}, [](const Mark& mark) { return std::size_t{mark.offset}; });
    return after == marks.begin() ? 1 : std::prev(after)->number;
}

std::vector<Mark> mark_lines(std::string_view text) {
    std::vector<Mark> marks;
    std::uint32_t line = 1;
    for (std::size_t at = 0; at < text.size();) {
        marks.push_back({static_cast<std::uint32_t>(at), line++});
        const auto end = text.find('\n', at);
        if (end == std::string_view::npos) break;
        at = end + 1;
    }
    return marks;
}

}  // namespace sarai::knowledge
