// bench-knowledge: puts made-up passages into a store, then asks it questions: hybrid search as `sarai kb search` does
// it, its two halves, and a scan of all vectors as the floor that needs no index. Prints JSON.
//
// The vectors are hashed character n-grams (support/hashed_ngrams.hpp): making them costs little and is not timed, but
// they lie as texts lie, in clusters, and not at random.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <numeric>
#include <string>
#include <vector>

#include "knowledge/search.hpp"
#include "support/hashed_ngrams.hpp"
#include "support/passage_corpus.hpp"

namespace {

using namespace sarai;
using namespace sarai::knowledge;
using Clock = std::chrono::steady_clock;

struct Times {
    std::vector<double> ms;
    template <class Work>
    auto of(const Work& work) {
        const auto begun = Clock::now();
        auto result = work();
        ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
        return result;
    }
    [[nodiscard]] std::string json() {
        std::ranges::sort(ms);
        return fmt::format(R"({{"p50_ms": {:.4f}, "p95_ms": {:.4f}}})", ms[ms.size() / 2], ms[ms.size() * 95 / 100]);
    }
};

// The ten with the greatest inner products. `all` is one after the other.
std::vector<std::size_t> scan(const std::vector<float>& all, const Vector& vector) {
    std::vector<std::pair<float, std::size_t>> scored(all.size() / vector.size());
    for (std::size_t i = 0; i < scored.size(); ++i)
        scored[i] = {std::transform_reduce(vector.begin(), vector.end(),
                                           all.begin() + static_cast<std::ptrdiff_t>(i * vector.size()), 0.0F),
                     i};
    std::ranges::partial_sort(scored, scored.begin() + 10, std::greater<>());
    std::vector<std::size_t> best;
    for (std::size_t i = 0; i < 10; ++i) best.push_back(scored[i].second);
    return best;
}

[[noreturn]] void give_up(const Error& error) {
    fmt::print(stderr, "bench-knowledge: {}\n", describe(error));
    std::exit(1);
}
template <class T>
T value(Result<T> result) {
    if (!result) give_up(result.error());
    return std::move(*result);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Times a store of documents; prints JSON.", "bench-knowledge");
    std::string place;
    std::size_t chunks = 100'000, dimension = 384, questions = 500;
    app.add_option("PLACE", place, "an empty folder, or postgresql://… of an empty database")->required();
    app.add_option("--chunks", chunks, "passages (100000)")->check(CLI::Range(1200, 10'000'000));
    app.add_option("--dimension", dimension, "numbers in a vector (384)")->check(CLI::Range(8, 4096));
    app.add_option("--questions", questions, "asked (500)")->check(CLI::Range(20, 100'000));
    CLI11_PARSE(app, argc, argv);

    const auto corpus = test::make_corpus((chunks + 11) / 12);
    std::vector<float> all;
    all.reserve(corpus.passages.size() * dimension);
    for (const auto& passage : corpus.passages) {
        const auto vector = test::hashed_ngrams(passage.text, dimension);
        all.insert(all.end(), vector.begin(), vector.end());
    }

    auto store = value(open_store(place));
    if (auto made = store->make_collection("bench", "hashed-ngrams", static_cast<int>(dimension)); !made)
        give_up(made.error());
    constexpr std::size_t in_document = 48;
    const auto begun = Clock::now();
    for (std::size_t at = 0; at < corpus.passages.size(); at += in_document) {
        std::vector<Chunk> parts;
        std::vector<Vector> vectors;
        for (auto i = at; i < std::min(at + in_document, corpus.passages.size()); ++i) {
            const auto& text = corpus.passages[i].text;
            // The place in the corpus is kept where a line would be.
            parts.push_back({.text = text,
                             .begin = i,
                             .end = i + text.size(),
                             .first = static_cast<std::uint32_t>(i),
                             .last = static_cast<std::uint32_t>(i)});
            vectors.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(i * dimension),
                                 all.begin() + static_cast<std::ptrdiff_t>((i + 1) * dimension));
        }
        if (auto done = store->put("bench", {.path = corpus.passages[at].path}, parts, vectors); !done)
            give_up(done.error());
    }
    const std::chrono::duration<double> put = Clock::now() - begun;
    if (auto saved = store->save(); !saved) give_up(saved.error());
    const std::chrono::duration<double> indexed = Clock::now() - begun;

    Times hybrid, words, vectors, floor;
    std::size_t agreed = 0;
    for (std::size_t n = 0; n < questions + 10; ++n) {
        if (n == 10) {  // the first ones only warm up
            hybrid = words = vectors = floor = {};
            agreed = 0;
        }
        const auto& question = corpus.questions[n * 7919 % corpus.questions.size()].text;
        const auto vector = test::hashed_ngrams(question, dimension);
        value(hybrid.of([&] { return search(*store, "bench", question, vector); }));
        value(words.of([&] { return store->by_words("bench", question, 50); }));
        const auto near = value(vectors.of([&] { return store->by_vector("bench", vector, 10); }));
        const auto exact = floor.of([&] { return scan(all, vector); });
        std::vector<std::int64_t> ids;
        for (const auto& hit : near) ids.push_back(hit.chunk);
        for (const auto& passage : value(store->passages("bench", ids)))
            agreed += std::ranges::contains(exact, passage.chunk.first) ? 1 : 0;
    }
    fmt::print(
        R"({{"chunks": {}, "dimension": {}, "put_s": {:.2f}, "index_s": {:.2f}, "hybrid": {}, "words": {}, "vectors": {}, "scan": {}, "recall_at_10": {:.4f}}})"
        "\n",
        corpus.passages.size(), dimension, put.count(), indexed.count() - put.count(), hybrid.json(), words.json(),
        vectors.json(), floor.json(), static_cast<double>(agreed) / static_cast<double>(questions * 10));
    return 0;
}
