// Makes a document of a file's bytes: text, Markdown, HTML, source code by itself, PDF by Poppler's pdftotext in a
// child process that may die of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "knowledge/bounded_child.hpp"
#include "knowledge/document.hpp"

namespace sarai::knowledge {

struct ExtractLimits {
    Bytes text = MiB(16);  // of what comes out, and of text files that go in
    ChildBounds pdf = {};
};

// By its name's ending; a name without a known one is text. nullopt: an ending of what is never text (pictures,
// archives, programs, …), so that it need not be opened.
[[nodiscard]] std::optional<Format> format_of(const std::filesystem::path& path);

// All but PDF; pure. Errors: unsupported (no text), too_large.
[[nodiscard]] Result<Document> extract_text(Format format, std::string_view bytes, const ExtractLimits& limits = {});
// What pdftotext printed: pages end with form feeds. Pure.
[[nodiscard]] Result<Document> read_pages(std::string_view printed);
// Blocks as long as `limits.pdf.time`. Errors: those of run_bounded().
[[nodiscard]] Result<Document> extract_pdf(std::string_view bytes, const ExtractLimits& limits = {});

// Any of them. What begins like a PDF is one, whatever it is called.
[[nodiscard]] Result<Document> extract(Format format, std::string_view bytes, const ExtractLimits& limits = {});

}  // namespace sarai::knowledge
