#include "knowledge/embedding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sarai::knowledge::embedding_test {
namespace {

Document text(std::string bytes) {
    Document document{.format = Format::text, .text = std::move(bytes), .marks = {}};
    document.marks = mark_lines(document.text);
    return document;
}

// A model of so many bytes: it refuses a request whole, as llama-server does.
struct Model {
    std::size_t most;
    std::vector<std::size_t> batches = {};

    Result<std::vector<Vector>> answer(const std::vector<std::string>& texts) {
        batches.push_back(texts.size());
        std::vector<Vector> vectors;
        for (const auto& one : texts) {
            if (one.size() > most) return fail(Code::invalid_argument, "input (1052 tokens) is too large to process");
            vectors.push_back({static_cast<float>(one.size())});
        }
        return vectors;
    }
    Result<void> embed(Embedding& embedding) {
        while (!embedding.batch().empty())
            if (auto taken = embedding.take(answer(embedding.batch())); !taken) return taken;
        return {};
    }
};

TEST(Embedding, BatchesAreBoundedByNumberAndBytes) {
    std::vector<Chunk> chunks;
    for (const std::size_t size : {50, 1, 1, 20, 1}) chunks.push_back({.text = std::string(size, 'a')});
    Embedding embedding(chunks, {}, {.texts = 3, .bytes = 20});
    Model model{.most = 100};
    ASSERT_TRUE(model.embed(embedding));
    EXPECT_EQ(model.batches, (std::vector<std::size_t>{1, 2, 1, 1}));
    EXPECT_EQ(embedding.chunks(), chunks);
    EXPECT_EQ(embedding.vectors().size(), 5);
}

TEST(Embedding, HeadingsBelongToWhatIsEmbedded) {
    const Embedding embedding({{.text = "text", .heading = "A › B"}}, {});
    EXPECT_EQ(embedding.batch(), std::vector<std::string>{"A › B\ntext"});
}

TEST(Embedding, WhatIsTooLongComesInPiecesThatAreCitedByTheirOwnLines) {
    std::string bytes;
    for (int line = 0; line < 100; ++line) bytes += "line " + std::to_string(1000 + line) + " of many\n";
    const auto document = text(bytes);
    const auto whole = cut_into_chunks(document);
    Embedding embedding(whole, document.marks);
    Model model{.most = 400};
    const auto done = model.embed(embedding);
    ASSERT_TRUE(done) << describe(done.error());
    const auto& chunks = embedding.chunks();
    EXPECT_GT(chunks.size(), whole.size());
    ASSERT_EQ(chunks.size(), embedding.vectors().size());
    std::size_t covered = 0;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        const auto& chunk = chunks[i];
        EXPECT_EQ(embedding.vectors()[i], Vector{static_cast<float>(chunk.text.size())}) << "of another chunk";
        EXPECT_LE(chunk.text.size(), 400);
        EXPECT_EQ(chunk.text, bytes.substr(chunk.begin, chunk.end - chunk.begin));
        EXPECT_TRUE(chunk.text.starts_with("line ")) << "cut where a line begins";
        EXPECT_EQ(chunk.first, document.number_at(chunk.begin));
        EXPECT_EQ(chunk.last, document.number_at(chunk.end - 1));
        EXPECT_LE(chunk.begin, covered);
        covered = chunk.end;
    }
}

TEST(Embedding, WhatIsRefusedInTheSmallestPiecesIsAnError) {
    const auto document = text(std::string(1000, 'x'));
    Embedding embedding(cut_into_chunks(document), document.marks);
    Model model{.most = 10};
    const auto done = model.embed(embedding);
    ASSERT_FALSE(done);
    EXPECT_TRUE(is_refusal(done.error()));
    EXPECT_LT(model.batches.size(), 20);
    EXPECT_EQ(about("b.json", done.error()).error().message, "b.json: input (1052 tokens) is too large to process");
}

TEST(Embedding, OtherErrorsAreNotTriedAgain) {
    Embedding embedding({{.text = std::string(1000, 'x')}}, {});
    EXPECT_EQ(embedding.take(fail(Code::unavailable, "gone")).error().code, Code::unavailable);
    EXPECT_EQ(embedding.take(std::vector<Vector>(2)).error().code, Code::upstream);
}

TEST(Embedding, OfALongQuestionTheBeginningIsTaken) {
    std::string question = "¿Qué?";
    while (question.size() < 100'000) question += " ñandú";
    auto part = beginning(question);
    EXPECT_LE(part.size(), 32U << 10U);
    int tries = 0;
    for (; !part.empty(); part = first_half(part), ++tries) {
        EXPECT_TRUE(question.starts_with(part));
        EXPECT_NE(static_cast<unsigned char>(question[part.size()]) & 0xc0U, 0x80) << "inside a character";
    }
    EXPECT_LE(tries, 10);
    EXPECT_EQ(beginning("short"), "short");
    EXPECT_TRUE(first_half("short").empty());
}

}  // namespace
}  // namespace sarai::knowledge::embedding_test
