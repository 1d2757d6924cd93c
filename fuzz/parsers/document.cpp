// A file of any format: refused readably, or a text in UTF-8 whose chunks hold all of it within their bounds.
//
// The first byte chooses the format, the second and third the sizes of chunks; the rest is the file.
#include <array>

#include "knowledge/chunk.hpp"
#include "knowledge/extract.hpp"
#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {

namespace {

constexpr std::string_view blank = " \t\n\v\f\r";

void check_chunks(const knowledge::Document& document, const knowledge::ChunkSizes& sizes) {
    const std::string_view text = document.text;
    std::size_t covered = 0;
    for (const auto& chunk : knowledge::cut_into_chunks(document, sizes)) {
        require(chunk.text.size() <= sizes.most, "a chunk is within its bounds");
        require(chunk.end > covered && chunk.text == text.substr(chunk.begin, chunk.end - chunk.begin),
                "a chunk is a part of the text that brings something new");
        require(chunk.begin <= covered ||
                    text.substr(covered, chunk.begin - covered).find_first_not_of(blank) == std::string_view::npos,
                "nothing is left out between chunks");
        require_utf8(chunk.text, "a chunk");
        require_utf8(chunk.heading, "the headings above a chunk");
        require(chunk.first >= 1 && chunk.first <= chunk.last, "lines and pages ascend");
        covered = chunk.end;
    }
    require(text.find_first_not_of(blank, covered) == std::string_view::npos, "nothing is left out at the end");
}

}  // namespace

void document(Input input) {
    using enum knowledge::Format;
    constexpr std::array formats{text, markdown, html, source, pdf};
    const auto format = formats[input.byte() % formats.size()];
    const knowledge::ChunkSizes sizes{.most = std::size_t{64} + input.byte(), .overlap = input.byte()};
    const auto document =
        format == pdf ? knowledge::read_pages(input.rest()) : knowledge::extract_text(format, input.rest());
    if (!document) {
        require_plain(document.error(), "the refusal of a file");
        return;
    }
    require_utf8(document->text, "a document's text");
    require_utf8(document->title, "a document's title");
    require(!document->text.contains('\r') && !document->text.contains('\0'), "a document has plain lines");
    std::size_t last = 0;
    for (const auto& mark : document->marks) {
        require(mark.offset >= last && mark.number >= 1, "marks ascend");
        last = mark.offset;
    }
    check_chunks(*document, sizes);
}

}  // namespace sarai::fuzz
