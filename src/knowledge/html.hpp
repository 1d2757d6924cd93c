// Reads HTML for its words: Markdown that keeps headings, lists, tables' rows and preformatted text apart.
//
// lexbor's tokenizer (the HTML standard's) does the reading; no tree is built, so depth costs nothing. What is not
// shown (scripts, styles, templates, drawings) is left out.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "knowledge/document.hpp"

namespace sarai::knowledge {

// `html` is UTF-8 with \n line ends. Errors: no_memory.
[[nodiscard]] Result<Document> read_html(std::string_view html);

}  // namespace sarai::knowledge
