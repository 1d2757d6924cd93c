// How well the right passage is found: hybrid search against words alone, with an embedder that is no model but hashed
// character n-grams (support/hashed_ngrams.hpp). It shows that the fusion works, not how good a real model is.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "knowledge/search.hpp"
#include "stores.hpp"
#include "support/passage_corpus.hpp"

namespace sarai::knowledge::retrieval_test {
namespace {

template <class Kind>
class Retrieval : public StoreTest<Kind> {};
TYPED_TEST_SUITE(Retrieval, BothStores);

TYPED_TEST(Retrieval, HybridFindsMoreThanWordsAlone) {
    const auto corpus = test::make_corpus(180);
    ASSERT_GE(corpus.passages.size(), 2000);
    ASSERT_TRUE(this->store_->make_collection("docs", "hashed-ngrams", test_dimension));
    // A place's twelve passages are the chunks of one document.
    for (std::size_t at = 0; at < corpus.passages.size(); at += 12) {
        std::vector<Chunk> chunks;
        std::vector<Vector> vectors;
        for (std::size_t i = at; i < at + 12; ++i) {
            const auto& text = corpus.passages[i].text;
            chunks.push_back({.text = text, .begin = i, .end = i + text.size()});
            vectors.push_back(HashingEmbedder::vector_of(text));
        }
        ASSERT_TRUE(this->store_->put("docs", {.path = corpus.passages[at].path}, chunks, vectors));
    }
    struct Recall {
        std::array<int, 2> asked{}, words{}, vectors{}, hybrid{};  // of plain and of inflected questions
    } recall;
    for (std::size_t i = 0; i < corpus.questions.size(); i += 11) {
        const auto& question = corpus.questions[i];
        const auto kind = static_cast<std::size_t>(question.inflected);
        const auto vector = HashingEmbedder::vector_of(question.text);
        const auto finds = [&](const SearchOptions& options) {
            const auto found = search(*this->store_, "docs", question.text, vector, options);
            EXPECT_TRUE(found);
            return std::ranges::any_of(*found,
                                       [&](const SearchResult& one) {
                                           return one.passage.chunk.text == corpus.passages[question.passage].text;
                                       })
                       ? 1
                       : 0;
        };
        ++recall.asked[kind];
        recall.words[kind] += finds({.vectors = 0});
        recall.vectors[kind] += finds({.words = 0});
        recall.hybrid[kind] += finds({});
    }
    const auto share = [&](const std::array<int, 2>& hits) {
        return double(hits[0] + hits[1]) / (recall.asked[0] + recall.asked[1]);
    };
    fmt::print(
        "recall@5 of {} questions (plain, inflected): words {:.3f} ({}, {}), vectors {:.3f} ({}, {}), hybrid {:.3f} "
        "({}, {})\n",
        recall.asked[0] + recall.asked[1], share(recall.words), recall.words[0], recall.words[1], share(recall.vectors),
        recall.vectors[0], recall.vectors[1], share(recall.hybrid), recall.hybrid[0], recall.hybrid[1]);
    EXPECT_GE(share(recall.hybrid), share(recall.words));
    EXPECT_GT(recall.hybrid[1], recall.words[1])
        << "of inflected questions it must find more, or vectors are of no use";
    EXPECT_GT(share(recall.words), 0.3) << "words alone must find a part, or the comparison says nothing";
}

}  // namespace
}  // namespace sarai::knowledge::retrieval_test
