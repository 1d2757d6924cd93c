// What of a page answers a question: its passages that have most of the question's words. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::web {

struct PageText {
    std::string title;
    std::string text;  // Markdown of a page, or plain text
};

// `content_type` as the server says, without parameters. Errors: unsupported (neither HTML nor text), no_memory.
[[nodiscard]] Result<PageText> read_page(std::string_view content_type, std::string_view bytes);

// Whole passages in the page's order, joined by an empty line, of `most` bytes at most. A word counts the more, the
// fewer of the page's passages have it. Where none has any: how the page begins.
[[nodiscard]] std::string best_passages(std::string_view text, std::string_view question, std::size_t most);

}  // namespace sarai::web
