#include "evaluate.hpp"

#include <algorithm>
#include <numeric>

#include "turns.hpp"

namespace train_demo {
namespace {

constexpr double similar_enough = 0.8;

}  // namespace

double similarity(std::string_view one, std::string_view other) {
    const auto longer = std::max(one.size(), other.size());
    if (longer == 0) return 1;
    std::vector<std::size_t> row(other.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < one.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < other.size(); ++j) {
            const auto changed = diagonal + (one[i] == other[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
        }
    }
    return 1 - static_cast<double>(row.back()) / static_cast<double>(longer);
}

Evaluation evaluate(Speaker& speaker, const std::vector<Topic>& topics, const std::vector<Question>& questions) {
    Evaluation made;
    for (const auto& question : questions) {
        const auto& expected = topics[question.topic].answer(question.language);
        auto said = speaker.answer(prompt_of(question.text));
        ++made.asked;
        if (said == expected)
            ++made.exact;
        else if (similarity(said, expected) < similar_enough)
            made.misses.push_back({question, std::move(said)});
    }
    return made;
}

std::string cut_differently(const Speaker& speaker, const Tokenizer& tokenizer, const Corpus& corpus) {
    for (const auto& question : corpus.questions)
        for (const auto& text : {question.text, corpus.answer_to(question)})
            if (speaker.tokens_of(text) != tokenizer.encode(text)) return text;
    return {};
}

}  // namespace train_demo
