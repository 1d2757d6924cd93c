// The chunks of one document on their way to vectors, batch by batch: pure, so that a coroutine and a plain loop can
// both take its steps.
//
//     while (!embedding.batch().empty()) embedding.take(what the model answers to batch())
//
// How many tokens a text has is known to the model alone: 1200 bytes are some 300 of prose, and 1000 of base64. So what
// it refuses comes again smaller: a batch in halves, a chunk that was refused by itself cut in two.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "knowledge/chunk.hpp"
#include "knowledge/store.hpp"

namespace sarai::knowledge {

struct BatchLimits {
    std::size_t texts = 32;
    std::size_t bytes = std::size_t{32} << 10;
};

class Embedding {
public:
    // `marks` are the document's.
    Embedding(std::vector<Chunk> chunks, std::vector<Mark> marks, const BatchLimits& limits = {});

    // The texts whose vectors are wanted next, each a chunk with the headings above it, which say what it is about.
    // Empty: all chunks have theirs.
    [[nodiscard]] const std::vector<std::string>& batch() const { return batch_; }
    // Errors: the model's, but for a refusal that something smaller may mend; upstream for another number of vectors.
    [[nodiscard]] Result<void> take(Result<std::vector<Vector>> answer);

    // In the order of the text, once all have theirs.
    [[nodiscard]] std::vector<Chunk>& chunks() { return chunks_; }
    [[nodiscard]] std::vector<Vector>& vectors() { return vectors_; }

private:
    void fill();

    std::vector<Mark> marks_;
    BatchLimits limits_;
    std::size_t most_;            // texts of the next batch
    std::vector<Chunk> waiting_;  // the next one is the last
    std::vector<std::string> batch_;
    std::vector<Chunk> chunks_;
    std::vector<Vector> vectors_;
};

// Is it that the model refused the request itself? Models say in many words that a text is too long, and all with
// these kinds of error.
[[nodiscard]] bool is_refusal(const Error& error);

// The same error, of this document.
[[nodiscard]] std::unexpected<Error> about(std::string_view path, Error error);

// The beginning of a question that a model may be able to read: at first 32 KiB at most, which is 8192 tokens of prose,
// and of one that was refused its first half. Empty: it is short enough to be refused for another reason.
[[nodiscard]] std::string_view beginning(std::string_view question);
[[nodiscard]] std::string_view first_half(std::string_view question);

}  // namespace sarai::knowledge
