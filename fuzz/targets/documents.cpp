// Files that are added to a knowledge base, and questions about them: encodings, HTML, pages of a PDF's text, chunks.
// (PDF files themselves are read by a child process that may die of them.)
//
// options: -dict=fuzz/dictionaries/documents.dict -max_len=8192
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(documents) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::document(input);
    sarai::fuzz::question(input);
    return 0;
}
